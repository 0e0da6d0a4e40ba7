"""RWKV-4's wkv as a log-space running average, stable by logcumsumexp (Peng et al. 2023)."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class RWKV_TimeMix(nn.Module):
    def __init__(self, n_embd, layer_id=0, n_layer=12):
        super().__init__()
        self.layer_id = layer_id
        attn_sz = n_embd
        with torch.no_grad():
            ratio_0_to_1 = layer_id / max(n_layer - 1, 1)
            ratio_1_to_almost0 = 1.0 - (layer_id / n_layer)
            decay_speed = torch.ones(attn_sz)
            for h in range(attn_sz):
                decay_speed[h] = -5 + 8 * (h / (attn_sz - 1)) ** (0.7 + 1.3 * ratio_0_to_1)
            self.time_decay = nn.Parameter(decay_speed)
            zigzag = torch.tensor([(i + 1) % 3 - 1 for i in range(attn_sz)]) * 0.5
            self.time_first = nn.Parameter(torch.ones(attn_sz) * torch.log(torch.tensor(0.3)) + zigzag)
            x = torch.ones(1, 1, n_embd)
            for i in range(n_embd):
                x[0, 0, i] = i / n_embd
            self.time_mix_k = nn.Parameter(torch.pow(x, ratio_1_to_almost0))
            self.time_mix_v = nn.Parameter(torch.pow(x, ratio_1_to_almost0) + 0.3 * ratio_0_to_1)
            self.time_mix_r = nn.Parameter(torch.pow(x, 0.5 * ratio_1_to_almost0))
        self.time_shift = nn.ZeroPad2d((0, 0, 1, -1))
        self.key = nn.Linear(n_embd, attn_sz, bias=False)
        self.value = nn.Linear(n_embd, attn_sz, bias=False)
        self.receptance = nn.Linear(n_embd, attn_sz, bias=False)
        self.output = nn.Linear(attn_sz, n_embd, bias=False)

    def wkv(self, w, u, k, v):
        """sum over i < t of exp(-(t-1-i) w + k_i) v_i plus exp(u + k_t) v_t, over the same without v."""
        T = k.shape[1]
        t = torch.arange(T, device=k.device, dtype=k.dtype).view(1, T, 1)
        a = k + t * w
        total = torch.logcumsumexp(a, dim=1)
        before = F.pad(total[:, :-1], (0, 0, 1, 0), value=-1e4) - (t - 1) * w
        now = u + k
        peak = torch.maximum(before, now).detach()
        sign = torch.sigmoid(v)
        logs = torch.logcumsumexp(a + F.logsigmoid(v), dim=1)
        num_before = F.pad(logs[:, :-1], (0, 0, 1, 0), value=-1e4) - (t - 1) * w
        num = torch.exp(num_before - peak) + torch.exp(now - peak) * sign
        den = torch.exp(before - peak) + torch.exp(now - peak)
        return num / den

    def forward(self, x):
        B, T, C = x.size()
        xx = self.time_shift(x)
        xk = x * self.time_mix_k + xx * (1 - self.time_mix_k)
        xv = x * self.time_mix_v + xx * (1 - self.time_mix_v)
        xr = x * self.time_mix_r + xx * (1 - self.time_mix_r)
        k, v, r = self.key(xk), self.value(xv), self.receptance(xr)
        rwkv = torch.sigmoid(r) * self.wkv(torch.exp(-F.softplus(self.time_decay)) * 0.5, self.time_first, k, v)
        return self.output(rwkv)
