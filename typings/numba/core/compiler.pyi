from typing import Any

class CompilerBase:
    state: Any
    def define_pipelines(self) -> list[Any]: ...

class DefaultPassBuilder:
    @staticmethod
    def define_nopython_pipeline(state: Any) -> Any: ...
