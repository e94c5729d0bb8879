"""First steps in Python: from hits to scored tracks, and on to tables, other detectors, pictures and files.

A notebook as a script: editors that know ``# %%`` run it cell by cell, and ``python examples/first_steps.py`` runs it
whole, from the folder that holds ``examples``. It writes ``first_steps.html``, ``first_steps.png`` and ``first_steps/``.
"""

# %% Five lines: an event of the TrackML challenge, its tracks, their score (1 is best)
import gnnreco

reconstruct = gnnreco.Reconstructor(detector="trackml", bundles=["tracking-trackml"])
event = gnnreco.open_events("examples/events/event000000001", reconstruct.detector)[0]
found = reconstruct(event)
print(found, gnnreco.evaluate.trackml_score(event, found.tracks))

# %% Everything is columns: arrays of one value a hit, a particle or a track, in mm, ns, GeV and tesla.
tracks = found.tracks
print(event, tracks, sep="\n")
print("hits on the first track:", event.hits[tracks[0].hit_index].xyz, sep="\n")

# %% Cuts are masks; what is left is columns again.
hard = tracks[(tracks.pt > 1) & (abs(tracks.eta) < 3) & (tracks.n_hits >= 7)]
sure = tracks[tracks.score > 0.99]
print(f"{len(tracks)} tracks; {len(hard)} are hard, {len(sure)} are right with a probability above 99 %")

# %% A table of pandas (pip install 'gnnreco[pandas]'); `to_awkward` gives awkward arrays.
print(hard.to_pandas()[["pt", "eta", "phi", "d0", "score"]].describe().round(3))

# %% Which particle made which track: half of the hits of both must be common (the rule "acts").
import numpy as np

from gnnreco.evaluate import match

matching = match(tracks, event.truth, len(event.hits))
right = matching.matched("acts")
particles = event.truth.particles[matching.particle[right]]
above = particles.pt > 1
error = tracks[right].pt[above] / particles.pt[above] - 1
print(f"{right.sum()} tracks are right; above 1 GeV half of their pt are within {np.median(abs(error)):.1%}")
# (No better, since the challenge's field falls off along the beam, and that of the detector `trackml` does not.)

# %% Another detector, events made here, and the bundle that ships for what it measures: a beam telescope.
telescope = gnnreco.Reconstructor("telescope")
beam = gnnreco.simulate("telescope", "beam", events=3, particle="muon", energy=(1, 10), count=3, seed=1)
many = gnnreco.concatenate([telescope(each).tracks for each in beam])
print(telescope, many, sep="\n")

# %% Pictures: one page to turn in a browser, and any plot of matplotlib.
import matplotlib.pyplot as plt

print(gnnreco.show(event, reconstruct.detector, "first_steps.html", tracks=tracks))
figure, axes = plt.subplots()
axes.hist(tracks.pt, bins=50, range=(0, 5))
axes.set(xlabel="pt (GeV)", ylabel="tracks")
figure.savefig("first_steps.png")

# %% Whole files, as the command line does it. (workers=2 in a notebook; a script then needs `if __name__ == "__main__"`.)
files = "examples/events/event000000001"
manifest = gnnreco.reconstruct(files, "trackml", "tracking-trackml", "first_steps", overwrite=True)
scores = gnnreco.evaluate("first_steps", truth=files)["all_tracks"]["acts"]
print(f"{manifest['tracks']} tracks; {scores['efficiency']:.1%} of the particles above 1 GeV are found")
