"""Small steps of a policy in PyTorch eager, microseconds a call; one round per line of stdin."""
import argparse
import time

import torch

from protocol import ready, serve

parser = argparse.ArgumentParser()
parser.add_argument("--calls", type=int, default=2000)
options, _ = parser.parse_known_args()
torch.set_num_threads(1)
torch.manual_seed(0)
policy = torch.nn.Sequential(
    torch.nn.Linear(8, 64), torch.nn.Tanh(), torch.nn.Linear(64, 64), torch.nn.Tanh(), torch.nn.Linear(64, 4)
)
optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-4, weight_decay=0.01, fused=True)
x, one, action, advantage = torch.full((1, 8), 0.5), torch.zeros(1), torch.tensor([[1]]), torch.ones(1)


def call():
    one.add(1)


def act():
    with torch.inference_mode():
        policy(x)


def update():
    optimizer.zero_grad()
    chosen = policy(x).log_softmax(-1).gather(1, action)[0]
    (-(chosen * advantage).mean()).backward()
    optimizer.step()


def timed(body):
    start = time.perf_counter()
    for _ in range(options.calls):
        body()
    return 1e6 * (time.perf_counter() - start) / options.calls


def step():
    return {"callUs": timed(call), "actUs": timed(act), "updateUs": timed(update)}


ready(torch=torch.__version__)
serve(step)
