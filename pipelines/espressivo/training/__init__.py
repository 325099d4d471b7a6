"""How every shipped checkpoint is made."""
