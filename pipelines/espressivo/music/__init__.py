"""How it sounds: from plan to score to audio."""
