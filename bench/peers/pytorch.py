"""PyTorch's side of the run; speaks the same lines of JSON as child.mjs."""

import json
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

options = json.load(sys.stdin)
dtype = getattr(torch, options["dtype"])
seconds, slow, slower = (options["limits"][name] / 1000 for name in ("time", "slow", "slower"))
torch.set_num_threads(options["threads"])
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
    return {"ms": 1000 * statistics.median(samples), "least": 1000 * min(samples), "samples": len(samples)}


def normal(*shape):
    return torch.randn(*shape, dtype=dtype)


def values(shape, scale=1):
    """The values of values.mjs: x -> a x + c mod 2^32, again and again. As many steps at once are one of the same form."""
    count = torch.Size(shape).numel()
    a, c = 1664525, 1013904223
    states = torch.tensor([a + c])
    while len(states) < count:
        states = torch.cat([states, (states * a + c) % 2**32])
        a, c = a * a % 2**32, (a * c + c) % 2**32
    states = states[:count]
    return ((states - 2**32 * (states >= 2**31)) * (scale / 2**31)).to(dtype).reshape(shape)


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


class Residual(nn.Module):
    def __init__(self, body, shortcut):
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x):
        return self.body(x) + self.shortcut(x)


class Lambda(nn.Module):
    def __init__(self, forward):
        super().__init__()
        self.forward = forward


class Lazy(nn.Module):
    """A module whose sizes the first batch tells."""

    def __init__(self, make, run):
        super().__init__()
        self.make, self.run, self.inner = make, run, None

    def forward(self, x):
        if self.inner is None:
            self.inner = self.make(x)
        return self.run(self.inner, x)


class Positions(nn.Module):
    def __init__(self, x):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(x.shape[1:], dtype=dtype))

    def forward(self, x):
        return x + self.weight


def recurrent(make, c):
    def run(cell, x):
        y, _ = cell(x)
        return y if c["output"] == "all" else y[:, -1]

    return Lazy(lambda x: make(x.shape[-1], c["units"], batch_first=True, dtype=dtype), run)


def attention(c):
    def run(inner, x):
        t = x.shape[1]
        mask = torch.ones(t, t, dtype=torch.bool).triu(1) if c["causal"] else None
        return inner(x, x, x, attn_mask=mask, need_weights=False)[0]

    return Lazy(lambda x: nn.MultiheadAttention(x.shape[-1], c["heads"], batch_first=True, dtype=dtype), run)


def module(layer):
    """PyTorch's module for a layer of v128, by its description; sizes of what comes in are found by the first batch."""
    kind, c = layer["kind"], layer["config"]
    if kind == "sequential":
        return nn.Sequential(*map(module, c["layers"]))
    if kind == "residual":
        return Residual(module(c["body"]), module(c["shortcut"]) if "shortcut" in c else nn.Identity())
    if kind == "conv2d":
        sizes = [c[name] for name in ("filters", "kernel", "stride", "pad", "dilation", "groups")]
        return nn.LazyConv2d(*sizes, bias=c["bias"], dtype=dtype)
    if kind == "batchNorm":
        return nn.LazyBatchNorm2d(c["epsilon"], 1 - c["momentum"], dtype=dtype)
    if kind == "relu":
        return {"{}": nn.ReLU, '{"max": 6}': nn.ReLU6}[json.dumps(c)](inplace=True)
    if kind == "maxPool2d" and c["kernel"] == [1, 1]:
        # Every second pixel, as people write it.
        (down, right) = c["stride"]
        return Lambda(lambda x: x[:, :, ::down, ::right])
    if kind == "maxPool2d":
        return nn.MaxPool2d(c["kernel"], c["stride"], c["pad"], ceil_mode=c["ceil"])
    if kind == "padChannels":
        return Lambda(lambda x: F.pad(x, (0, 0, 0, 0, c["before"], c["after"])))
    if kind == "globalAvgPool2d":
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    if kind == "flatten":
        return nn.Flatten()
    if kind in ("lstm", "gru") and not c["bidirectional"]:
        return recurrent({"lstm": nn.LSTM, "gru": nn.GRU}[kind], c)
    if kind == "conv1d":
        sizes = [c[name] for name in ("filters", "kernel", "stride", "pad", "dilation", "groups")]
        return nn.LazyConv1d(*sizes, bias=c["bias"], dtype=dtype)
    if kind == "maxPool1d":
        return nn.MaxPool1d(c["kernel"], c["stride"], c["pad"], ceil_mode=c["ceil"])
    if kind == "embedding":
        return nn.Embedding(c["vocabulary"], c["size"], dtype=dtype)
    if kind == "positions" and c["kind"] == "learned":
        return Lazy(Positions, lambda inner, x: inner(x))
    if kind == "layerNorm":
        return Lazy(lambda x: nn.LayerNorm(x.shape[-1], c["epsilon"], dtype=dtype), lambda inner, x: inner(x))
    if kind == "attention":
        return attention(c)
    if kind == "gelu" and c["approximate"] == "none":
        return nn.GELU()
    if kind == "mean":
        return Lambda(lambda x: x.mean(1 + c["axis"]))
    if kind == "dense":
        return nn.LazyLinear(c["units"], bias=c["bias"], dtype=dtype)
    if kind == "dropout":
        return nn.Dropout(1 - c["keep"])
    raise ValueError(f"{kind} has no module here")


def training(t):
    """What trainingStep of networks.mjs is."""
    net = module(t["description"])
    shape = (t["batch"], *t["input"])
    count = torch.Size(shape).numel()

    def numbered(many, limit):
        return torch.tensor([i * 7 % limit for i in range(many)])

    x = numbered(count, t["ids"]).reshape(shape) if "ids" in t else values(shape)
    labels = numbered(count if t.get("each") else t["batch"], t["classes"])
    net(x)
    with torch.no_grad():
        for name, tensor in net.named_parameters():
            if tensor.dim() > 1:
                tensor.copy_(values(tensor.shape, (6 * tensor.shape[0] / tensor.numel()) ** 0.5))
            else:
                tensor.fill_(float(name.endswith("weight")))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)

    def run():
        optimizer.zero_grad(set_to_none=True)
        scores = net(x)
        loss = F.cross_entropy(scores.reshape(-1, scores.shape[-1]), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    run.losses = [run(), run()]
    optimizer.param_groups[0]["lr"] = 1e-6
    return run


kinds = {
    "gemm": gemm, "adam": adam, "softmax": softmax, "mnist": training, "lstm": training, "training": training,
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
