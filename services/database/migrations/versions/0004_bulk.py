"""Changes to very many mailboxes: the frozen list, one row per item."""

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""
