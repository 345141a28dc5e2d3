"""Where does each head look? Attention of every head at one decision, drawn on the maze it is about.

A picture, not a measurement: one maze, the first fork of the path with the most forks, every layer and head. What a
head is called needs scores over many mazes and a null.
"""

from dataclasses import dataclass

import numpy as np
import torch

from maze_interp import behaviour, figures, mazes, models, seeds, training
from maze_interp.experiments.behaviour import held_out_mazes
from maze_interp.experiments.findings import Findings, Progress
from maze_interp.models import Site
from maze_interp.tokens import PATH

CANDIDATES = 200  # test mazes among which the one whose path has the most forks is drawn


@dataclass(frozen=True)
class Settings:
    """The run to look at; `layer` -1 shows the last layer's tokens in the token view."""

    run: str = ""
    layer: int = -1
    seed: int = 0


def run(settings: Settings, progress: Progress | None = None) -> Findings:
    """Attention of all heads at a fork of one test maze's shortest path, on the maze and between tokens."""
    trained = training.open_run(settings.run)
    model = trained.model()
    layers = model.cfg.n_layers
    if not -layers <= settings.layer < layers:
        raise ValueError(f"layer must be one of -{layers}..{layers - 1}, not {settings.layer}")
    seed = seeds.derive(settings.seed, "attention")
    candidates = held_out_mazes(trained, CANDIDATES, seed=seed)
    solutions = mazes.solve(candidates, seed=seed)
    forks = behaviour.decision_points(candidates, solutions)
    chosen = np.argsort(-(forks.sum(axis=1) * 1000 + solutions.length), kind="stable")[:1]
    maze, solution = candidates[chosen], solutions[chosen]
    tokens = model.maze_tokenizer.encode(maze, solution, seed=seed)
    sites = [Site("pattern", layer) for layer in range(layers)]
    with torch.inference_mode():
        reading = models.access.run(model, torch.from_numpy(tokens.ids).long(), read=sites)
    pattern = torch.stack([reading.values[site][0] for site in sites]).numpy()
    step = int(np.flatnonzero(forks[chosen][0])[0]) if forks[chosen].any() else 0
    query = int(((tokens.part[0] == PATH) & (tokens.cell[0] == solution.cells[0, step])).argmax())
    mass = figures.attention_mass(maze, 0, tokens, pattern, query)
    most = np.unravel_index(np.argmax(1.0 - mass.special), mass.special.shape)
    where = "its first fork" if forks[chosen].any() else "its start, as it has no fork"
    words = model.maze_tokenizer.text(tokens)[0].split()
    if progress is not None:
        progress(1, 1)
    return Findings(
        heading="Attention on the maze",
        sentences=[
            f"Attention at step {step + 1} of {solution.length[0]} of one test maze's shortest path, {where}. "
            f"Each panel is a head; its mass on a passage's tokens is drawn on the passage, its mass on other "
            f"tokens that name a cell on that cell. "
            f"Head {most[1]} of layer {most[0]} puts the largest share on the maze, {1 - mass.special[most]:.0%}; "
            f"the rest is on delimiters.",
        ],
        figures={
            "heads": figures.attention_on_maze(maze, 0, tokens, pattern, query),
            "tokens": figures.Html(figures.circuitsvis_attention(words, pattern, layer=settings.layer % layers)),
        },
        numbers={"largest_mass_on_the_maze": float(1 - mass.special[most])},
    )
