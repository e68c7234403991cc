"""How is a moment written? In UTC, ending in Z: Terraform's CLI aborts on `+00:00` (tfe-contract 0.3)."""

from datetime import UTC, datetime


def to_text(moment: datetime) -> str:
    """ISO 8601 with microseconds and Z: of fixed width, so that text order is time order."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def from_text(text: str) -> datetime:
    """Read any ISO 8601 moment with a zone. Raises ValueError on anything else."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        raise ValueError(f"a moment without a zone: {text!r}")
    return moment.astimezone(UTC)


def maybe_text(moment: datetime | None) -> str | None:
    return to_text(moment) if moment else None


def maybe_from_text(text: str | None) -> datetime | None:
    return from_text(text) if text else None
