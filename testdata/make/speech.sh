#!/bin/sh
# Speech, digital silence and loud noise to play in the calls: speech.sh DIRECTORY
set -eu
mkdir -p "$1"
cd "$1"
espeak-ng -v en-us+f3 -s 165 -w t1.wav "Good morning, this is the support desk. My name is Anna. I am calling about the order that you placed last week. Could you please confirm the delivery address for me? We would like to send it on Thursday."
espeak-ng -v en-gb+m3 -s 160 -w t2.wav "Hello Anna. Yes, of course. The address is forty two Market Street, second floor. Please ask the driver to ring the bell twice, because the door is sometimes hard to hear. Thank you very much for calling."
# Words with long pauses, for voice activity detection.
sox t1.wav -r 22050 t3.wav trim 0 1.0 pad 0.3 2.2 repeat 3
for i in 1 2 3; do
	for k in 8 16; do sox t$i.wav -r ${k}000 -c1 -b16 s$i.${k}k.wav; done
	sox t$i.wav -r 48000 -c2 -b16 s$i.48k.wav
done
sox -n -r 8000 -c1 -b16 silence.8k.wav trim 0 20
sox -n -r 8000 -c1 -b16 noise.8k.wav synth 20 whitenoise vol 0.6
sox -n -r 8000 -c1 -b16 music.8k.wav synth 20 sawtooth 220 sawtooth 277 square 330 remix - vol 0.7
