"""Rendering of many jobs from a manifest: resumable, repeatable, on one machine or several.

``manifest`` reads rows, ``jobs`` turns them into jobs with a key, ``store`` keeps results under their key, ``runner`` drives an
``engine`` whose workers ``execution`` serves, ``report`` shows what happened.
"""
