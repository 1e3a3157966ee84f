"""The network of gpt.js in PyTorch: the loss of each step, one to a line, from the same weights on the same windows.

    python3 gpt.py WEIGHTS WINDOWS HEADS

WEIGHTS is of model.save() before the first step. WINDOWS is JSON: {"learningRate", "weightDecay", "steps": [[ids, ...]]},
each window of one character more than the network reads.
"""
import json
import sys
from pathlib import Path

import torch
from torch import nn

from go_on import read_safetensors


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.attend = nn.ModuleDict({
            'norm': nn.LayerNorm(width), 'attention': nn.MultiheadAttention(width, heads, batch_first=True),
        })
        self.feed = nn.ModuleDict({
            'norm': nn.LayerNorm(width), 'up': nn.Linear(width, 4 * width), 'down': nn.Linear(4 * width, width),
        })

    def forward(self, x):
        y = self.attend['norm'](x)
        later = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        x = x + self.attend['attention'](y, y, y, attn_mask=later, need_weights=False)[0]
        return x + self.feed['down'](nn.functional.gelu(self.feed['up'](self.feed['norm'](x))))


class Positions(nn.Module):
    def __init__(self, length, width):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(length, width))

    def forward(self, x):
        return x + self.weight


def network(tensors, heads):
    (vocabulary, width), length = tensors['embedding.weight'].shape, len(tensors['positions.weight'])
    blocks = len({name.split('.')[0] for name in tensors if name.startswith('block')})
    layers = {'embedding': nn.Embedding(vocabulary, width), 'positions': Positions(length, width)}
    layers.update({f'block{i + 1}': Block(width, heads) for i in range(blocks)})
    layers.update({'norm': nn.LayerNorm(width), 'head': nn.Linear(width, vocabulary)})
    model = nn.Sequential()
    for name, layer in layers.items():
        model.add_module(name, layer)
    return model.to(tensors['head.weight'].dtype)


def main(weights, windows, heads):
    tensors, _ = read_safetensors(weights)
    told = json.loads(Path(windows).read_text())
    model = network(tensors, int(heads))
    # What a residual adds is its body.
    model.load_state_dict({name.replace('.body', ''): tensor for name, tensor in tensors.items()})
    # As v128 has it: weights decay, the table of characters and that of positions too; biases and norms do not.
    decayed = [p for name, p in model.named_parameters() if name.endswith('weight') and p.dim() == 2]
    others = [p for name, p in model.named_parameters() if not (name.endswith('weight') and p.dim() == 2)]
    groups = [{'params': decayed, 'weight_decay': told['weightDecay']}, {'params': others, 'weight_decay': 0}]
    optimizer = torch.optim.AdamW(groups, lr=told['learningRate'])
    for step in told['steps']:
        ids = torch.tensor(step)
        scores = model(ids[:, :-1])
        loss = nn.functional.cross_entropy(scores.flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(loss.item(), flush=True)


if __name__ == '__main__':
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
