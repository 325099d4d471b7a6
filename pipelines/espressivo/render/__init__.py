"""How it looks: a photograph driven by a facial action track."""
