"""Training of the motion denoiser: clips of the procedural teacher, captured mouths, optimisation.

    python -m espressivo.training.motion prepare --corpus CORPUS [CORPUS ...] --clips 700 -o TEACHER
    python -m espressivo.training.motion capture --facegood FOLDER -o CAPTURED
    python -m espressivo.training.motion templates --liveportrait FOLDER -o HEADS
    python -m espressivo.training.motion train --data TEACHER [TEACHER ...] --data CAPTURED --data HEADS --run RUN
    python -m espressivo.training.motion export --run RUN -o checkpoints/motion

``CORPUS`` is what ``espressivo.training.phone_network synthesise`` made: speech with exact phone times.
"""
