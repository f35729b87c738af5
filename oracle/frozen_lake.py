"""Writes test/fixtures/frozenLake.json from Gymnasium's FrozenLake-v1: transition tables, optima, episodes, and which maps have a way.

`lakes`: `map`, `isSlippery`, `successRate`, `maxSteps`, for every state and action `transitions` as [probability, next, reward,
terminated], `optimum` by backward induction over that table, and `episodes`, each with the uniform numbers that NumPy drew, the
actions, and after each what was seen, rewarded, terminated and truncated. `ways`: small random maps and whether they are valid.
"""
import json
from pathlib import Path

import gymnasium as gym
import numpy as np
from gymnasium.envs.toy_text.frozen_lake import generate_random_map, is_valid

OUT = Path(__file__).resolve().parent.parent / "test/fixtures/frozenLake.json"


class Recorder:
    """Hands on a NumPy generator's uniform numbers and keeps them."""

    def __init__(self, seed):
        self.inner = np.random.default_rng(seed)
        self.drawn = []

    def random(self):
        self.drawn.append(float(self.inner.random()))
        return self.drawn[-1]


def optimum(table, steps):
    values = {s: 0.0 for s in table}
    for _ in range(steps):
        values = {s: max(sum(p * (r + (0 if t else values[n])) for p, n, r, t in outcomes) for outcomes in table[s].values())
                  for s in table}
    return values[0]


def episode(env, seed, script=None):
    env.reset(seed=seed)
    recorder = Recorder(seed)
    env.unwrapped.np_random = recorder
    chooser = np.random.default_rng(1000 + seed)
    actions, steps = [], []
    while True:
        action = script[len(actions)] if script else int(chooser.choice(4, p=[0.1, 0.4, 0.4, 0.1]))
        seen, reward, terminated, truncated, _ = env.step(action)
        actions.append(action)
        steps.append([int(seen), int(reward), int(terminated), int(truncated)])
        if terminated or truncated:
            return {"uniforms": recorder.drawn, "actions": actions, "steps": steps}


def lake(desc, name, slippery, rate, limit, episodes, script=None):
    env = gym.make("FrozenLake-v1", desc=desc, map_name=name, is_slippery=slippery, success_rate=rate, max_episode_steps=limit)
    table = env.unwrapped.P
    return {
        "map": [row.decode() for row in env.unwrapped.desc.astype("S1").view(f"S{env.unwrapped.ncol}").ravel()],
        "isSlippery": slippery,
        "successRate": rate,
        "maxSteps": limit,
        "transitions": [[[[float(p), int(s), int(r), int(t)] for p, s, r, t in table[state][a]] for a in range(4)] for state in table],
        "optimum": optimum(table, limit),
        "episodes": [episode(env, seed, script) for seed in range(episodes)],
    }


third = 1 / 3
lakes = [
    lake(None, "4x4", True, third, 100, 6),
    lake(None, "4x4", False, third, 100, 3),
    lake(None, "4x4", False, third, 6, 1, [1, 1, 2, 2, 1, 2]),
    lake(None, "4x4", True, 0.75, 7, 6),
    lake(None, "8x8", True, third, 200, 2),
    lake(None, "8x8", False, third, 14, 2),
    *[lake(generate_random_map(size=5, p=0.7, seed=seed), None, slippery, third, 30, 2)
      for seed in range(2) for slippery in (True, False)],
]
chooser = np.random.default_rng(7)
ways = []
for size in (2, 3, 4, 5):
    for _ in range(12):
        board = chooser.choice(["F", "H"], (size, size), p=[0.6, 0.4])
        board[0][0], board[-1][-1] = "S", "G"
        ways.append({"map": ["".join(row) for row in board], "valid": bool(is_valid(board.tolist(), size))})
OUT.write_text(json.dumps({"gymnasium": gym.__version__, "lakes": lakes, "ways": ways}, separators=(",", ":")) + "\n")
