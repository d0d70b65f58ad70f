from datetime import datetime

class Subject:
    subject_id: str | None
    species: str | None
    sex: str | None
    age: str | None
    date_of_birth: datetime | None
    def __init__(
        self,
        *,
        subject_id: str | None = None,
        species: str | None = None,
        sex: str | None = None,
        age: str | None = None,
        date_of_birth: datetime | None = None,
    ) -> None: ...
