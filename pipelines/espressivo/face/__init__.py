"""What a face can do: action units, ARKit shapes, tracks, landmarks, the morphable head."""
