"""What is heard: features, phones, visemes, accents, pauses."""
