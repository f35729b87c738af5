"""Writes test/fixtures/surgery.json: what mergekit and PEFT make of small tensors.

`modelStock`: a base, tuned tensors whose offsets point together, and mergekit's merge of them, layer-wise, in float64; needs mergekit 0.1.5.
`intruders`: a weight [24, 20], a LoRA pair of rank 3 that brings directions of its own, and the product of the pair that
PEFT's reduce_intruder_dimension makes of it, for some of its options.
"""
import torch
from mergekit.merge_methods.base import TensorGroup
from mergekit.merge_methods.model_stock import model_stock_merge_method
from peft import LoraConfig, get_peft_model
from peft.tuners.lora.intruders import reduce_intruder_dimension

from common import FIXTURES, generator, write_json


def model_stock(count, shape, shared):
    """`shared` of each offset is common to all, so that their angles differ from a right one."""
    draw = generator(f"stock {count} {shape}")
    base = torch.randn(shape, generator=draw)
    common = torch.randn(shape, generator=draw) * shared
    tuned = [base + common + torch.randn(shape, generator=draw) * 0.5 for _ in range(count)]
    group = TensorGroup.from_tensors([each.double() for each in [base, *tuned]], base_index=0)
    (merged,) = model_stock_merge_method([group])
    return {
        "shape": list(shape),
        "base": base.flatten().tolist(),
        "models": [each.flatten().tolist() for each in tuned],
        "merged": merged.flatten().tolist(),
    }


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(20, 24, bias=False)

    def forward(self, x):
        return self.layer(x)


def intruders(options):
    draw = generator("intruders")
    net = Net()
    weight = net.layer.weight.data = torch.randn((24, 20), generator=draw) * 0.2
    model = get_peft_model(net, LoraConfig(r=3, lora_alpha=6, target_modules=["layer"]))
    layer = model.base_model.model.layer
    A = layer.lora_A["default"].weight.data = torch.randn((3, 20), generator=draw) * 0.3
    B = layer.lora_B["default"].weight.data = torch.randn((24, 3), generator=draw) * 0.3
    model.double()
    reduce_intruder_dimension(model, logging_sink=None, **options)
    name = "intruder_reduced"
    reduced = layer.lora_B[name].weight.data.double() @ layer.lora_A[name].weight.data.double()
    return {
        "options": options,
        "weight": weight.flatten().tolist(),
        "scaling": 2,
        "A": A.flatten().tolist(),
        "B": B.flatten().tolist(),
        "reduced": reduced.flatten().tolist(),
    }


write_json(FIXTURES / "surgery.json", {
    "modelStock": [model_stock(2, (3, 5), 0.5), model_stock(3, (7,), 0.3), model_stock(4, (4, 4), 0.2)],
    "intruders": [
        intruders({}),
        intruders({"mitigation_lambda": 0.0, "top_k": 3}),
        intruders({"threshold_epsilon": 0.7, "mitigation_lambda": 0.5}),
    ],
})
