#include "engine/training/mf/built_part.h"

#include "engine/data/parallel.h"

#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/mm.h>

#include <algorithm>
#include <cmath>

namespace engine {
namespace {

double scaleOf(double degree, double power)
{
    return degree > 0 ? std::pow(degree, power) : 0.0;
}

} // namespace

void BuiltPart::computeSpectrum(std::size_t items)
{
    part.spectrum.assign(part.width, 0.0);
    for (std::size_t i = 0; i < items; ++i) {
        for (std::size_t k = 0; k < part.width; ++k) {
            const auto value = static_cast<double>(candidates[i * part.width + k]);
            part.spectrum[k] += value * value;
        }
    }
    // The package stores floats, and scoring must see the same numbers as validation.
    for (auto &value : part.spectrum)
        value = static_cast<double>(static_cast<float>(value));
}

BuiltPart factorPart(const at::Tensor &items, int factors, const Ridge &ridge)
{
    const auto gram = at::mm(items.t(), items).to(at::kDouble);
    const auto vectors = std::get<1>(at::linalg_eigh(gram));
    const auto width = std::min<std::int64_t>(factors, items.size(1));
    const auto turned =
        at::mm(items, vectors.flip(1).narrow(1, 0, width).to(at::kFloat).contiguous()).contiguous();
    BuiltPart built;
    built.part.kind = BlendPart::Kind::FoldIn;
    built.part.width = static_cast<std::size_t>(width);
    built.part.alpha0 = ridge.alpha0;
    built.part.lambda = ridge.lambda;
    built.part.nu = ridge.nu;
    built.candidates.assign(turned.data_ptr<float>(), turned.data_ptr<float>() + turned.numel());
    built.computeSpectrum(static_cast<std::size_t>(items.size(0)));
    return built;
}

BuiltPart linearPart(const LinearSource &source, const LinearChoice &choice)
{
    const auto &[left, values, right] = source.spectrum;
    const auto n = static_cast<std::size_t>(right.size(0));
    const auto width = static_cast<std::size_t>(values.size(0));
    BuiltPart built;
    built.part.kind = BlendPart::Kind::Sum;
    built.part.width = width;
    built.part.decay = choice.decay;
    built.history.resize(n * width);
    built.candidates.resize(n * width);
    const auto l = left.contiguous(), r = right.contiguous();
    const float *from = l.data_ptr<float>(), *to = r.data_ptr<float>(),
                *s = values.data_ptr<float>();
    std::vector<double> filter(width);
    for (std::size_t k = 0; k < width; ++k)
        filter[k] = s[k] > 1e-6f ? std::pow(static_cast<double>(s[k]), choice.filter) : 0.0;
    for (std::size_t i = 0; i < n; ++i) {
        const double h = scaleOf(source.historyDegree[i], -choice.historyPower);
        const double c = scaleOf(source.candidateDegree[i], choice.candidatePower);
        for (std::size_t k = 0; k < width; ++k) {
            built.history[i * width + k] =
                static_cast<float>(h * filter[k] * static_cast<double>(from[i * width + k]));
            built.candidates[i * width + k] =
                static_cast<float>(c * static_cast<double>(to[i * width + k]));
        }
    }
    built.computeSpectrum(n);
    return built;
}

std::vector<float> partVectors(const BuiltPart &built, const ValidationSet &set,
                               std::uint32_t items, unsigned threads)
{
    const auto width = built.part.width;
    std::vector<float> out(set.shoppers() * width);
    forChunks(set.shoppers(), 16, threads, [&](std::size_t first, std::size_t end) {
        std::vector<float> rows;
        BlendScratch scratch;
        for (auto s = first; s < end; ++s) {
            rows.clear();
            for (const auto item : set.newest[s]) {
                const auto row = built.historyRow(static_cast<std::size_t>(item));
                rows.insert(rows.end(), row.begin(), row.end());
            }
            const std::span to(out.data() + s * width, width);
            // A system that is not positive definite scores nothing, as a failed request would.
            if (!partVector(built.part, items, rows, to, scratch))
                std::fill(to.begin(), to.end(), 0.0f);
        }
    });
    return out;
}

} // namespace engine
