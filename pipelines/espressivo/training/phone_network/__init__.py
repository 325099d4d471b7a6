"""Training of the phone network: synthesised speech with exact phone times, captured lip curves, augmentation, optimisation.

python -m espressivo.training.phone_network synthesise --engine kokoro --parts FOLDER --voices FOLDER --vocabulary FILE \
        --english FILE --minutes 40 -o CORPUS/kokoro
python -m espressivo.training.phone_network synthesise --engine flite --english FILE --minutes 45 -o CORPUS/flite
python -m espressivo.training.phone_network synthesise --engine espeak --english FILE --minutes 75 -o CORPUS/espeak
python -m espressivo.training.phone_network synthesise --engine piper --parts FOLDER --english FILE --minutes 20 -o CORPUS/piper
python -m espressivo.training.phone_network prepare --corpora CORPUS --facegood FOLDER --background FOLDER -o PREPARED
python -m espressivo.training.phone_network train --data PREPARED --run RUN --device cuda --minutes 4
python -m espressivo.training.phone_network export --data PREPARED --run RUN -o checkpoints/phone_network
python -m espressivo.training.phone_network measure --corpus CORPUS/kokoro CORPUS/flite CORPUS/espeak
"""
