"""The network of the LSTM forecaster: an encoder-decoder with a head of ordered quantiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn
from torch.nn import functional

from core.errors import InputError
from forecast.protocol import MEDIAN, QUANTILES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.series import Floats
    from forecast.models.lstm_config import LstmConfig
    from forecast.windows import WindowSpec

THREADS: Final = 1
"""More threads slow these small networks down, most of all on a busy machine."""
CORRECTION_SCALE: Final = 0.1
"""The head starts with weights this much smaller than usual: near the plain mean of the candidates."""


class Network(nn.Module):
    """Encoder over hourly tokens, decoder over the steps of the horizon, head of quantiles."""

    def __init__(self, spec: WindowSpec, hidden: int, dropout: float) -> None:
        super().__init__()
        self.candidates = len(spec.candidates)
        self.encoder = nn.LSTM(spec.encoder_size, hidden, batch_first=True)
        self.decoder = nn.LSTM(spec.decoder_size, hidden, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, self.candidates + len(QUANTILES))
        with torch.no_grad():
            self.head.weight.mul_(CORRECTION_SCALE)
            self.head.bias.zero_()

    def forward(self, encoder: Tensor, decoder: Tensor) -> tuple[Tensor, Tensor]:
        """Forecast scaled windows.

        Args:
            encoder: (b, context, features).
            decoder: (b, horizon, features); the candidates come first.

        Returns:
            (b, horizon, 7) ordered quantiles and (b, horizon, k) weights of the candidates, summing to 1.
        """
        _, state = self.encoder(encoder)
        hidden, _ = self.decoder(decoder, state)
        out = self.head(self.dropout(hidden))
        weights = torch.softmax(out[..., : self.candidates], dim=-1)
        base = (weights * decoder[..., : self.candidates]).sum(dim=-1, keepdim=True)
        median = base + out[..., self.candidates, None]
        steps = functional.softplus(out[..., self.candidates + 1 :])
        down = median - steps[..., :MEDIAN].cumsum(dim=-1).flip(-1)
        up = median + steps[..., MEDIAN:].cumsum(dim=-1)
        return torch.cat((down, median, up), dim=-1), weights


def as_bytes(networks: Sequence[Network]) -> bytes:
    """Parameters of several networks as safetensors."""
    return save_tensors(
        {f"{i}.{key}": t for i, network in enumerate(networks) for key, t in network.state_dict().items()}
    )


def from_bytes(weights: bytes, spec: WindowSpec, config: LstmConfig) -> list[Network]:
    """The networks again, ready to forecast; nothing is unpickled.

    Raises:
        InputError: the weights are not those of the configuration.
    """
    networks = []
    try:
        tensors = load_tensors(weights)
        with torch.random.fork_rng(devices=[]):  # what networks begin with is drawn, and not needed here
            for i, _ in enumerate(config.seeds):
                network = Network(spec, config.hidden, config.dropout)
                own = {k.removeprefix(f"{i}."): t for k, t in tensors.items() if k.startswith(f"{i}.")}
                network.load_state_dict(own)
                networks.append(network.eval())
    except (SafetensorError, RuntimeError) as error:
        raise InputError(
            "the LSTM's weights",
            found=str(error).splitlines()[0],
            allowed="safetensors of the card's configuration",
            do="train again or go back to an earlier version",
        ) from error
    return networks


def to_tensor(values: Floats) -> Tensor:
    """A contiguous float32 tensor."""
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
