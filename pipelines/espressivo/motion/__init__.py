"""How the face moves: from plan and speech to a facial action track."""
