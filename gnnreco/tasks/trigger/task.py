"""Trigger: small graph networks in fixed point for jets, seeds of tracks, regions and towers of calorimeters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gnnreco.columns import Event, JetBlock, ReconstructedParticles
from gnnreco.errors import BadConfig
from gnnreco.geometry import Detector
from gnnreco.models.state import Numbers
from gnnreco.models.trigger.fixed_point import FixedDense
from gnnreco.models.trigger.network import TriggerNetwork, TriggerNetworkConfig
from gnnreco.models.trigger.pruning import PruneConfig, prune
from gnnreco.progress import Progress
from gnnreco.tasks.contract import Classified, Needs, Task

from .anomaly import AnomalyConfig, anomaly_loss, begin_distance, refuse_teacher, threshold_of
from .buffers import Buffers
from .inputs import InputConfig, buffers
from .learned import arrays
from .samples import TriggerSample
from .towers import COMPONENTS, wanted
from .towers_loss import class_weights, tower_loss, turned

if TYPE_CHECKING:  # they use this module
    from .baseline import LinearTrigger
    from .explain import TriggerExplainer

FIRST, FIRST_TOWERS = 20, 100  # events from which `prepare` learns
BEGIN = 0.1  # of their usual size: weights that add to what is solved
SMALL = 1e-3  # GeV: what no sum that counts is below
VECTORS = 1000  # examples that a bundle keeps, to become test vectors
SOFT = 2.0  # temperature of the teacher's answers (Hinton et al., arXiv 1503.02531)


@dataclass(frozen=True)
class TriggerConfig:
    """Everything that defines a trigger model but its learned numbers.

    Attributes
    ----------
    resource : float
        Loss for each LUT, about (see `gnnreco.models.trigger.network.Cost`); 0: as many as it likes.
    draw : int
        Buffers of an event that a step of training sees, drawn at random; 0: all.
    anomaly : AnomalyConfig
        Of models with a score (``model.score``).
    teacher : str
        Bundle of a larger model whose answers are learned too, with the weight `distil`; of ``model.score=answer`` one
        whose score is learned.
    distil : float
        Weight of the teacher's answers in the loss.
    turns : int
        Of towers: how often a step of training sees each event, turned about the z axis and mirrored at random.
    seed : int
        Seed of the random weights that a training begins with.
    """

    input: InputConfig = field(default_factory=InputConfig)
    network: TriggerNetworkConfig = field(default_factory=TriggerNetworkConfig)
    prune: PruneConfig = field(default_factory=PruneConfig)
    anomaly: AnomalyConfig = field(default_factory=AnomalyConfig)
    resource: float = 0.0
    draw: int = 0
    teacher: str = ""
    distil: float = 0.5
    turns: int = 8
    seed: int = 0


class TriggerTask(Task[TriggerSample, None]):
    """Input buffers, a network in fixed point, and its loss."""

    name = "trigger"
    needs = Needs()
    gives = type(None)
    network: TriggerNetwork

    def __init__(self, config: TriggerConfig, detector: Detector | None) -> None:
        self.config: TriggerConfig = config
        self.detector = detector
        if not config.input.reads_jets and detector is None:
            raise BadConfig(
                f"task.input.source={config.input.source} needs a detector: name one with detector="
            )
        if config.network.kind == "slots" and (config.input.source != "towers" or config.teacher):
            raise BadConfig(
                "model.kind=slots needs task.input.source=towers, and learns from no task.teacher"
            )
        if config.network.score == "squares" and config.teacher:
            raise BadConfig("task.teacher: a model with score=squares learns from none; leave it out")
        if config.input.source == "towers" and config.input.towers.offline == "found":
            self.needs = Needs((), (ReconstructedParticles,))
        generator = torch.random.get_rng_state()
        torch.manual_seed(config.seed)
        self.network = TriggerNetwork(config.network, config.input.features)
        torch.random.set_rng_state(generator)
        self.teacher: nn.Module | None = None
        self.examples: Buffers | None = None

    @classmethod
    def from_config(cls, config: TriggerConfig, detector: Detector | None) -> TriggerTask:
        """A task that has learned nothing yet."""
        return cls(config, detector)

    @classmethod
    def arrays(cls, config: TriggerConfig, detector: Detector | None) -> Mapping[str, Numbers]:
        """What each learned array must be, by name."""
        return arrays(config)

    @property
    def sample_kind(self) -> type[TriggerSample]:
        """The class of its samples."""
        return TriggerSample

    @property
    def teacher_bundle(self) -> str:
        """Bundle of the teacher, as the settings name it; empty: none."""
        return self.config.teacher

    @property
    def needs_truth(self) -> bool:
        """Not where a score is learned: no label is read."""
        return self.config.network.score == "none"

    @property
    def reads_jets(self) -> bool:
        """Whether it takes blocks of jets, and not events."""
        return self.config.input.reads_jets

    def buffers(self, event: Event | JetBlock) -> Buffers:
        """Input buffers of one event or block of jets, with what should come out where the truth is known."""
        return buffers(self.config.input, self.config.network, self.detector, event)

    def prepare(self, events: Iterable[Event | JetBlock], progress: Progress | None = None) -> None:
        """Set the input ports: units are powers of two near the spread of each feature, offsets on their grid."""
        slots = self.config.network.kind == "slots"
        if self.config.network.score == "answer":
            refuse_teacher(self.teacher)
        seen = [self.buffers(event) for _, event in zip(range(FIRST_TOWERS if slots else FIRST), events)]
        x = np.concatenate([b.x[b.valid > 0] if b.valid.size else b.x for b in seen])
        if not len(x):
            raise BadConfig("the first training events fill no input buffer: check task.input")
        bits = self.config.network.bits
        if slots:  # sums have long tails, and the tails are the jets
            scale = np.exp2(np.ceil(np.log2(np.abs(x).max(axis=0) + SMALL)) - bits.input_integer)
        else:
            scale = np.exp2(np.round(np.log2(x.std(axis=0) + 1e-12)))
        step = scale * np.exp2(-bits.input_fraction)
        self.network.scale.copy_(torch.from_numpy(scale))
        self.network.offset.copy_(torch.from_numpy(np.round(x.mean(axis=0) / step) * step))
        if self.config.network.score == "distance" and not self.network.steps:
            begin_distance(self.network, self.config.anomaly, x)
        if slots and not self.network.steps and all(b.target is not None for b in seen):
            self._begin_linear(
                x, np.concatenate([b.target[:, :-1][b.valid > 0] for b in seen if b.target is not None])
            )

    def _begin_linear(self, x: NDArray[np.float64], target: NDArray[np.float64]) -> None:
        """Begin with the best sum of classes of cells: what can be solved need not be descended to."""
        network = self.network
        weight = torch.from_numpy(np.kron(class_weights(x, target), np.eye(COMPONENTS))).to(network.scale)
        bias = network.answer.bias
        assert bias is not None
        with torch.no_grad():
            network.linear.weight.copy_(weight * network.scale)
            network.answer.weight.mul_(BEGIN)
            bias.copy_(weight @ network.offset)

    def sample(self, event: Event | JetBlock) -> TriggerSample:
        """One event's buffers as tensors."""
        b = self.buffers(event)
        label = b.label.astype(np.int8)  # an event can have a million
        target = np.zeros((len(b.x), 0, 0))
        if self.config.network.kind == "slots":
            assert isinstance(event, Event)  # `buffers` has seen to it
            target = wanted(self.config.input.towers, event, b)
        columns = (b.x.astype(np.float32), b.valid.astype(np.float32), label, target.astype(np.float32))
        return TriggerSample(*(torch.from_numpy(column) for column in columns))

    def loss(self, sample: TriggerSample) -> tuple[Tensor, dict[str, float]]:
        """Cross entropy of the answers, what the teacher says, and what the hardware costs.

        Of towers see `tower_loss`, of models with a score `gnnreco.tasks.trigger.anomaly.anomaly_loss`.
        """
        network, config = self.network, self.config
        if network.training:
            network.steps += 1
            if 0 < config.draw < len(sample):
                sample = sample[torch.randint(len(sample), (config.draw,), device=sample.x.device)]
            prune(network, config.prune, float(network.steps))
            if config.network.kind == "slots" and config.turns:
                sample = turned(sample, config.turns)
        if config.network.score != "none":
            loss, score = anomaly_loss(network, config.anomaly, sample, self.teacher)
            cost = network.cost()
            numbers = {"score": score, "luts": float(cost.detach()), "answer_loss": float(loss.detach())}
            return loss + config.resource * cost, numbers
        answer = network(sample.x, sample.valid)
        if config.network.kind == "slots":
            loss, error = tower_loss(answer, sample.target, config.input.towers.unit)
            cost = network.cost()
            numbers = {
                "energy_error": error,
                "luts": float(cost.detach()),
                "answer_loss": float(loss.detach()),
            }
            return loss + config.resource * cost, numbers
        known = sample.label >= 0
        logit, label = answer[known], sample.label[known].long()
        zero = answer.sum() * 0.0
        right = zero.detach()
        if not len(label):
            loss = zero
        elif config.network.outputs == 1:
            loss = nn.functional.binary_cross_entropy_with_logits(logit[:, 0], label.to(logit.dtype))
            right = ((logit[:, 0] > 0) == (label > 0)).float().mean()
        else:
            loss = nn.functional.cross_entropy(logit, label)
            right = (logit.argmax(dim=1) == label).float().mean()
        if self.teacher is not None and len(label):
            loss = loss + config.distil * self._lesson(sample, logit, known)
        cost = network.cost()
        numbers = {
            "accuracy": float(right),
            "luts": float(cost.detach()),
            "answer_loss": float(loss.detach()),
        }
        return loss + config.resource * cost, numbers

    def _lesson(self, sample: TriggerSample, logit: Tensor, known: Tensor) -> Tensor:
        """How far the answers are from the teacher's."""
        assert self.teacher is not None
        with torch.no_grad():
            told = self.teacher(sample.x, sample.valid)[known]
        if logit.shape[1] == 1:
            return nn.functional.binary_cross_entropy_with_logits(logit, torch.sigmoid(told))
        mine, theirs = (torch.log_softmax(t / SOFT, dim=1) for t in (logit, told))
        return SOFT**2 * nn.functional.kl_div(mine, theirs, log_target=True, reduction="batchmean")

    def finish(self, samples: Iterable[TriggerSample]) -> Mapping[str, float]:
        """Keep some buffers that nothing was learned from, to become test vectors; of a score, set the threshold."""
        numbers: dict[str, float] = {}
        if self.config.network.score != "none":
            samples = list(samples)
            numbers = self._set_threshold(samples)
        taken: list[TriggerSample] = []
        for sample in samples:
            taken.append(sample[:: -(-len(sample) // VECTORS) or 1])
            if sum(map(len, taken)) >= VECTORS:
                break
        if self.config.network.kind == "slots":
            self._widen(taken)
        columns = ([t.x for t in taken], [t.valid for t in taken], [t.label for t in taken])
        x, valid, label = (np.concatenate([t.numpy() for t in column])[:VECTORS] for column in columns)
        if self.config.network.score != "none":
            label = np.full_like(label, -1)
        self.examples = Buffers(x, valid, label)
        return numbers

    def _set_threshold(self, samples: Sequence[TriggerSample]) -> dict[str, float]:
        """Let the score reach as far as these buffers need, and its threshold pass a rate of them."""
        if samples:
            self._widen(samples)
        x, valid = (np.concatenate([getattr(t, n).numpy() for t in samples] or [[]]) for n in ("x", "valid"))
        scores = self.answers(Buffers(x, valid, np.zeros(0, np.int64)))[:, 0] if len(x) else np.zeros(0)
        value, numbers = threshold_of(scores, self.config.anomaly.rate)
        self.network.score.threshold.fill_(value)
        return numbers

    def _widen(self, samples: Sequence[TriggerSample]) -> None:
        """Let every channel reach as far as these buffers need: the last events of the training may have been small."""
        x, valid = (torch.cat([getattr(t, name) for t in samples]) for name in ("x", "valid"))
        training = self.network.training
        self.network.train()
        with torch.no_grad():
            self.network(x, valid)
        self.network.train(training)

    def answers(self, b: Buffers) -> NDArray[np.float64]:
        """Exact answers of the network: see `TriggerNetwork.forward`; float64 (b, outputs) or (b, edges, outputs)."""
        exact = TriggerNetwork(self.config.network, self.config.input.features)
        exact.load_state_dict(self.network.state_dict())
        with torch.inference_mode():
            x, valid = (torch.from_numpy(np.asarray(a, np.float64)) for a in (b.x, b.valid))
            out: NDArray[np.float64] = exact.double().eval()(x, valid).numpy()
        return out

    def classified(self, event: Event) -> Classified:
        """The class of each buffer, or of each edge that is known; of one answer: no and yes."""
        from .explain import classified

        self._refuse_numbers()
        b = self.buffers(event)
        return classified(self.answers(b), b, event)

    def explainer(self) -> TriggerExplainer:
        """What runs its network on changed features."""
        from .explain import TriggerExplainer

        self._refuse_numbers()
        return TriggerExplainer(self)

    def baseline(self, events: Sequence[Event]) -> tuple[str, LinearTrigger]:
        """A logistic regression on the whole buffer, or on both ends of an edge."""
        from .baseline import linear_trigger

        self._refuse_numbers()
        return linear_trigger(self, events)

    def _refuse_numbers(self) -> None:
        if self.config.network.score != "none":
            raise BadConfig("a model with a score names no classes: use `gnnreco deploy rate`")
        if self.config.network.kind == "slots":
            raise BadConfig(
                "a model of towers answers with four-momenta, and not with classes: use scripts/online_offline.py"
            )

    def reconstruct(self, event: Event) -> None:
        """A trigger model answers for buffers, which no file of tracks or clusters holds."""
        raise BadConfig("a trigger model gives no tracks or clusters: use `gnnreco deploy`")

    def state(self) -> dict[str, NDArray[np.generic]]:
        """All learned numbers by name."""
        out = {f"network.{k}": v.detach().cpu().numpy() for k, v in self.network.state_dict().items()}
        if self.examples is not None:
            for name in ("x", "valid", "label"):
                out[f"examples.{name}"] = getattr(self.examples, name)
        return out

    def load_state(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Take the numbers that `state` gave."""
        weights = {k.removeprefix("network."): v for k, v in state.items() if k.startswith("network.")}
        self.network.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in weights.items()})
        if "examples.x" in state:
            x, valid, label = (np.asarray(state[f"examples.{n}"]) for n in ("x", "valid", "label"))
            self.examples = Buffers(x, valid, label)
        self.network.eval()


def alive(network: nn.Module) -> tuple[int, int]:
    """Weights that are not zero, and all of them."""
    weights = [m.weights() for m in network.modules() if isinstance(m, FixedDense)]
    return sum(int((w != 0).sum()) for w in weights), sum(w.numel() for w in weights)
