#!/usr/bin/env bash
# Build sdist and wheel, look into them, install the wheel into a fresh environment outside the tree and render with it.
# usage: wheel_check.sh [PYTHON]
set -euo pipefail
python=${1:-python3}
tree=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

"$python" -m venv tools
tools/bin/python -m pip install --quiet build
tools/bin/python -m build --outdir dist "$tree" >/dev/null
sdist=$(echo dist/*.tar.gz) wheel=$(echo dist/*.whl)
du -h "$sdist" "$wheel"
junk='(__pycache__|\.pyc$|/\.(venv|git|mypy_cache|ruff_cache|hypothesis|pytest_cache)/|\.env$)'
if tar tzf "$sdist" | grep -E "$junk" || "$python" -m zipfile -l "$wheel" | grep -E "$junk"; then
    echo "the packages hold junk" >&2
    exit 1
fi

"$python" -m venv fresh
# First the CPU build of torch: a plain "torch" would pull in gigabytes of CUDA libraries.
fresh/bin/python -m pip install --quiet --constraint "$tree/constraints.txt" torch==2.13.0
fresh/bin/python -m pip install --quiet --constraint "$tree/constraints.txt" "$wheel"
fresh/bin/python -m pip check || echo "pip check has remarks, see above" >&2
fresh/bin/python - <<'PYTHON'
from importlib.metadata import distributions
cuda = [d.metadata["Name"] for d in distributions() if d.metadata["Name"].lower().startswith(("nvidia-", "cuda-"))]
assert not cuda, f"CUDA libraries came along: {cuda}"
PYTHON
mkdir out
cd out
env -i PATH="$work/fresh/bin:/usr/bin:/bin" HOME="$work" bash -euc '
    data=$(python -c "from espressivo.resources import example_path; print(example_path(\"portrait.png\").parent)")
    espressivo --help >/dev/null
    espressivo talk -p "$data/portrait.png" -e joy --duration 2 --size 256 --consent synthetic_person --seed 1 -o talk.mp4
    espressivo compose -e awe --duration 5 --seed 1 -o music.mid --wav music.wav
    espressivo verify talk.mp4
    espressivo batch schema >/dev/null
'
ls -la
du -sh "$work/fresh"
