from typing import Any

class BoardShim:
    @classmethod
    def get_board_descr(cls, board_id: int) -> dict[str, Any]: ...
