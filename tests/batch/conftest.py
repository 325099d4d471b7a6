import sys
from pathlib import Path

# Spawned workers import the toy worker by its name; they inherit the import path.
sys.path.insert(0, str(Path(__file__).parent))
