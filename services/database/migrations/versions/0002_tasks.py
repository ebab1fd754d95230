"""Human tasks, the gate before an account is given back, and the watch for the intruder's return."""

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""
