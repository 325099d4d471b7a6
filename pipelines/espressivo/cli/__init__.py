"""The command line. Nothing heavy is imported at the top, so that ``espressivo --help`` answers at once."""

from __future__ import annotations

import gc
import os
import sys

import typer

from espressivo.cli.batch import app as batch
from espressivo.cli.compose import compose
from espressivo.cli.demo import demo
from espressivo.cli.evaluate import evaluate
from espressivo.cli.ontology import ontology
from espressivo.cli.plan import plan
from espressivo.cli.scene import scene
from espressivo.cli.sign import sign
from espressivo.cli.speak import speak
from espressivo.cli.talk import talk
from espressivo.cli.train import app as train
from espressivo.cli.verify import verify
from espressivo.console import exit_status, print_error
from espressivo.errors import Cancelled, EspressivoError

__all__ = ["app", "main"]

app = typer.Typer(
    name="espressivo",
    help="Emotion in, an expressive talking head and fitting music out, from one editable chain of thought.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


def _examples(*commands: str) -> str:
    return "Examples:\n\n" + "\n\n".join(f"`espressivo {command}`" for command in commands)


app.command(
    epilog=_examples(
        'plan "I can\'t believe we won!" --intensity 0.8 -o plan.json',
        'plan --emotion "joy:0.7+surprise:0.3"',
        'plan --keyframes "0:calm,2.5:fear:0.9,6:relief" --json',
        "plan --emotion sadness --mask joy --persona anxious",
        "plan explain plan.json",
        "plan diff before.json after.json",
    )
)(plan)
app.command(
    epilog=_examples(
        "talk --portrait p.jpg --speech s.wav --emotion joy -o talk.mp4",
        "talk -p p.jpg -s s.wav --plan plan.json --size 512 --consent own_likeness -o talk.mp4",
        'talk -p p.jpg --duration 6 --vad "0.6,0.5,0.2" -o listening.mp4',
    )
)(talk)
app.command(
    epilog=_examples(
        "compose --emotion sadness --duration 30 -o piece.mid --wav piece.wav",
        'compose --emotion "fear turning to relief" -o piece.mid --seed 4 --sheet piece.svg --roll piece.png',
        'compose -e joy --chords "Am F C G" --metre 3/4 --style arpeggio --dynamics mf --best-of 4',
        "compose -e calm --key D --register C4-C6 --set onsets_per_s=0.2 --set roughness=0.1",
        "compose --continue mine.mid --duration 16 -o longer.mid",
        "compose --fill mine.mid --bars 9-12 --emotion fear -o filled.mid",
        "compose --from mine.mid --emotion sadness -o sad.mid --sound sad.flac",
    )
)(compose)
app.command(
    epilog=_examples(
        'scene --portrait p.jpg --speech s.wav --emotion "joy turning to awe" -o scene.mp4',
        "scene -p p.jpg -s s.wav --plan plan.json --output-folder out",
    )
)(scene)
app.command(epilog=_examples('speak "We made it!" -o speech.wav', 'speak "Wir haben es!" --voice espeak-ng/de -o speech.wav'))(
    speak
)
app.command(epilog=_examples("ontology joyful", "ontology --svg emotions.svg"))(ontology)
app.command(epilog=_examples("demo", "demo --port 8000"))(demo)
app.command(epilog=_examples("evaluate motion --quick", "evaluate all --json figures.json"))(evaluate)
app.command(epilog=_examples("verify scene.mp4", "verify music.mid --json"))(verify)

app.command(epilog=_examples("sign talk.mp4 --certificate chain.pem --key key.pem -o signed.mp4"))(sign)
app.add_typer(batch, name="batch")
app.add_typer(
    train,
    name="train",
    epilog=_examples(
        "train prepare MEAD --layout mead -o mead.safetensors",
        "train motion train --data teacher.safetensors mead.safetensors --run RUN --minutes 60",
        "train music export --work WORK -o checkpoints/mine",
    ),
)


def main() -> None:
    """Run the command line; an error becomes one line and an exit status."""
    # Read when numpy is first loaded. Sharing small products among cores takes longer than one core, and rounds by their number.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        app()
    except EspressivoError as error:
        print_error(error, as_json="--json" in sys.argv)
        sys.exit(exit_status(error))
    except KeyboardInterrupt:
        sys.exit(exit_status(Cancelled()))
    finally:
        _leave()


def _leave() -> None:
    """Python looks for garbage once more when it ends; among all that torch leaves behind this takes most of a second."""
    if "espressivo.face.landmarks" in sys.modules:
        from espressivo.face.landmarks import close_portrait_landmarker

        close_portrait_landmarker()
    gc.freeze()
