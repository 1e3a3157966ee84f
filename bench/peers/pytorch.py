"""PyTorch's side of the run; speaks the same lines of JSON as child.mjs."""

import json
import statistics
import sys
import time

import torch
import torch.nn.functional as F

options = json.loads(sys.argv[1])
dtype = getattr(torch, options["dtype"])
seconds, slow, slower = (options["limits"][name] / 1000 for name in ("time", "slow", "slower"))
torch.set_num_threads(1)
torch.manual_seed(1)
ops = torch.ops.aten

def say(**line):
    print("\n" + json.dumps(line), flush=True)


def call_time(run):
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def measure(run):
    """Median of a call, warmed up; the same rules as in child.mjs."""
    first = call_time(run)
    if first > slower:
        samples = [first]
    elif first > slow:
        samples = [call_time(run)]
    else:
        end = time.perf_counter() + seconds / 2
        while time.perf_counter() < end:
            run()
        samples = []
        end = time.perf_counter() + seconds
        while time.perf_counter() < end or len(samples) < 3:
            samples.append(call_time(run))
    return {"ms": 1000 * statistics.median(samples), "samples": len(samples)}


def normal(*shape):
    return torch.randn(*shape, dtype=dtype)


def values(shape, scale=1):
    """The values of child.mjs."""
    state, data = 1, []
    for _ in range(torch.Size(shape).numel()):
        state = (state * 1664525 + 1013904223) % 2**32
        data.append(scale * (state - 2**32 * (state >= 2**31)) / 2**31)
    return torch.tensor(data, dtype=dtype).reshape(shape)


def gemm(t):
    a, b, c = (normal(t["size"], t["size"]) for _ in range(3))
    return lambda: torch.mm(a, b, out=c)


def conv(t):
    n, c, h, f, k, g = (t[name] for name in ("n", "c", "h", "f", "kernel", "groups"))
    x, w, b, dy = normal(n, c, h, h), normal(f, c // g, k, k), normal(f), normal(n, f, t["oh"], t["oh"])
    stride, pad, dilation = [[t[name]] * 2 for name in ("stride", "pad", "dilation")]
    if t["kind"] == "conv-forward":
        return lambda: F.conv2d(x, w, b, stride, pad, dilation, g)
    want = [True, False, False] if t["kind"] == "conv-dx" else [False, True, True]
    return lambda: ops.convolution_backward(dy, x, w, [f], stride, pad, dilation, False, [0, 0], g, want)


def batch_norm(t):
    n, c, h = t["n"], t["c"], t["h"]
    x, dy, weight, bias, mean, var = normal(n, c, h, h), normal(n, c, h, h), normal(c), normal(c), normal(c), normal(c) ** 2

    def forward():
        return ops.native_batch_norm(x, weight, bias, mean, var, True, 0.1, 1e-5)

    if t["kind"] == "batch-norm-forward":
        return forward
    _, saved, inverse = forward()
    return lambda: ops.native_batch_norm_backward(
        dy, x, weight, mean, var, saved, inverse, True, 1e-5, [True, True, True]
    )


def max_pool(t):
    n, c, h = t["n"], t["c"], t["h"]
    x, dy = normal(n, c, h, h), normal(n, c, h // 2, h // 2)
    two, zero, one = [2, 2], [0, 0], [1, 1]
    if t["kind"] == "max-pool-forward":
        return lambda: ops.max_pool2d_with_indices(x, two, two, zero, one, False)
    _, index = ops.max_pool2d_with_indices(x, two, two, zero, one, False)
    return lambda: ops.max_pool2d_with_indices_backward(dy, x, two, two, zero, one, False, index)


def relu(t):
    x, dy = (normal(t["n"], t["c"], t["h"], t["h"]) for _ in range(2))
    if t["kind"] == "relu-forward":
        return lambda: torch.relu(x)
    return lambda: ops.threshold_backward(dy, x, 0)


def adam(t):
    weight = torch.nn.Parameter(normal(t["count"]))
    weight.grad = normal(t["count"])
    return torch.optim.Adam([weight], lr=1e-3).step


def softmax(t):
    x = normal(t["n"], t["classes"]).requires_grad_()
    labels = torch.randint(t["classes"], (t["n"],))

    def run():
        x.grad = None
        F.cross_entropy(x, labels).backward()

    return run


def mnist(t):
    nn = torch.nn
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 7 * 7, 10),
    ).to(dtype)  # fmt: skip
    with torch.no_grad():
        for layer, scale in [(0, 0.5), (4, 0.1), (9, 0.03)]:
            net[layer].weight.copy_(values(net[layer].weight.shape, scale))
            net[layer].bias.zero_()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    x = values((t["batch"], 1, 28, 28))
    labels = torch.tensor([i * 7 % 10 for i in range(t["batch"])])

    def run():
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(net(x), labels)
        loss.backward()
        optimizer.step()
        value = loss.item()
        if len(losses) < 2:
            losses.append(value)

    run.losses = losses = []
    return run


kinds = {
    "gemm": gemm, "adam": adam, "softmax": softmax, "mnist": mnist,
    "conv-forward": conv, "conv-dx": conv, "conv-dw": conv,
    "batch-norm-forward": batch_norm, "batch-norm-backward": batch_norm,
    "max-pool-forward": max_pool, "max-pool-backward": max_pool,
    "relu-forward": relu, "relu-backward": relu,
}  # fmt: skip

say(version=torch.__version__, notes={})
for task in options["tasks"]:
    say(start=task["id"])
    try:
        run = kinds[task["kind"]](task)
        say(task=task["id"], **measure(run), losses=getattr(run, "losses", None))
    except Exception as error:
        say(task=task["id"], error=str(error))
