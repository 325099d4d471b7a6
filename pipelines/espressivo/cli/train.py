"""``espressivo train``: the training modules' own commands, and the preparing of clips."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Annotated, Final

import typer

__all__ = ["app"]

MODULES: Final = {
    "motion": ("espressivo.training.motion.__main__", "The denoiser that moves the face."),
    "phone-network": ("espressivo.training.phone_network.__main__", "The network that hears phones."),
    "music": ("espressivo.training.music", "The transformer that composes."),
    "music-corpus": ("espressivo.training.music_corpus", "POP909 as words, for music."),
    "music-measures": ("espressivo.training.music_measures", "What the bars of the corpus are like, for music."),
    "emopia": ("espressivo.training.emopia", "Statistics of emotional piano clips."),
    "head": ("espressivo.training.head.__main__", "The morphable head."),
    "text-emotion": ("espressivo.training.text_emotion", "The reader of emotion in text."),
}

app = typer.Typer(
    help="Train the models anew; each command hands its arguments to its module, whose --help tells them.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


def _handing_over(module: str) -> Callable[[typer.Context], None]:
    def run(context: typer.Context) -> None:
        status = import_module(module).main(context.args)
        if status:
            raise typer.Exit(status)

    return run


for _name, (_module, _help) in MODULES.items():
    _settings = {"ignore_unknown_options": True, "allow_extra_args": True}
    app.command(_name, help=_help, context_settings=_settings, add_help_option=False)(_handing_over(_module))


@app.command()
def prepare(
    folder: Annotated[Path, typer.Argument(help="Folder of the set, or a part of it.")],
    layout: Annotated[str, typer.Option("--layout", help="mead | hdtf | ravdess | crema-d: how its files are named.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="safetensors file for `train motion train --data`.")],
) -> None:
    """Track and hear a set of filmed speakers, to learn from it; the same as `train motion clips`.

    Clips that cannot be tracked are named and left out. Repeated, the command tracks only what is new. Weights trained on such
    sets are bound by the terms of the sets: MEAD, HDTF, RAVDESS and CREMA-D restrict their use.
    """
    from espressivo.training.motion.clips import prepare_folder

    prepare_folder(folder, layout, output)
