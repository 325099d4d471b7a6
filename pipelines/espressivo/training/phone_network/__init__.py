"""Training of the phone network: synthesised speech with exact phone times, augmentation, optimisation.

python -m espressivo.training.phone_network synthesise --engine kokoro --parts FOLDER --voices FOLDER --vocabulary FILE \
        --english FILE --minutes 40 -o CORPUS
python -m espressivo.training.phone_network synthesise --engine flite --english FILE --minutes 30 -o CORPUS
python -m espressivo.training.phone_network synthesise --engine espeak --minutes 20 -o CORPUS
python -m espressivo.training.phone_network train --corpus CORPUS --run RUN
python -m espressivo.training.phone_network export --run RUN -o checkpoints/phone_network
python -m espressivo.training.phone_network measure --corpus CORPUS
"""
