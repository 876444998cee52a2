#include "engine/scoring/blend_scorer.h"

#include "engine/scoring/package_parts.h"
#include "engine/scoring/torch_guard.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/mm.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>

namespace engine {
namespace {

constexpr const char *kParts[] = {"factors", "spectral", "transition"};

at::Tensor view(const Package &package, const TensorEntry &entry)
{
    return at::from_blob(const_cast<float *>(floatsOf(package, entry).data()), entry.shape,
                         at::kFloat);
}

/// The first part's columns must be orthogonal, because its fold-in takes their Gram matrix for
/// diagonal.
Result<> checkNumbers(const Package &package, const TensorEntry &items, const TensorEntry &spectrum,
                      const TensorEntry *history, std::int64_t factors)
{
    return torchGuarded([&]() -> Result<> {
        const c10::InferenceMode inference;
        const auto all = view(package, items);
        const auto stored = view(package, spectrum);
        bool isFinite =
            at::isfinite(all).all().item<bool>() && at::isfinite(stored).all().item<bool>();
        if (history != nullptr)
            isFinite = isFinite && at::isfinite(view(package, *history)).all().item<bool>();
        if (!isFinite)
            return refuseModel("its weights hold NaN or infinity");
        const auto squares = all.mul(all).sum(0);
        const double most = squares.max().item<double>();
        if (!(squares.sub(stored).abs().max().item<double>() <= 1e-3 * most + 1e-12))
            return refuseModel("the tensor spectrum does not belong to the tensor items");
        if (factors > 0) {
            const auto part = all.narrow(1, 0, factors);
            auto gram = at::mm(part.t(), part);
            const double largest = gram.diagonal().max().item<double>();
            gram.diagonal().zero_();
            if (!(gram.abs().max().item<double>() <= 1e-3 * largest + 1e-12))
                return refuseModel("its factors are not in the eigenbasis of their Gram matrix");
        }
        return {};
    });
}

Result<std::vector<BlendPart>> readParts(const Package &package, std::span<const float> spectrum)
{
    std::vector<BlendPart> parts;
    std::size_t first = 0;
    for (const std::string name : kParts) {
        const auto width = settingOf(package, name, 0, 4096);
        if (!width)
            return tl::unexpected(width.error());
        if (*width != std::floor(*width)
            || first + static_cast<std::size_t>(*width) > spectrum.size())
            return refuseModel(
                "the settings factors, spectral and transition do not fit the tensors");
        if (*width == 0)
            continue;
        BlendPart part;
        part.kind = name == kParts[0] ? BlendPart::Kind::FoldIn : BlendPart::Kind::Sum;
        part.width = static_cast<std::size_t>(*width);
        const auto weight = settingOf(package, name + "_weight", 0, 1e6);
        const auto decay = settingOf(package, name + "_decay", 0, 100);
        if (!weight || !decay)
            return tl::unexpected((weight ? decay : weight).error());
        part.weight = *weight;
        part.decay = *decay;
        if (part.kind == BlendPart::Kind::FoldIn) {
            const auto alpha0 = settingOf(package, "alpha0", 0.0, 1e6);
            const auto lambda = settingOf(package, "lambda", 1e-12, 1e6);
            const auto nu = settingOf(package, "nu", 0.0, 4.0);
            for (const auto *value : {&alpha0, &lambda, &nu}) {
                if (!*value)
                    return tl::unexpected(value->error());
            }
            part.alpha0 = *alpha0;
            part.lambda = *lambda;
            part.nu = *nu;
        }
        const auto own = spectrum.subspan(first, part.width);
        part.spectrum.assign(own.begin(), own.end());
        first += part.width;
        parts.push_back(std::move(part));
    }
    if (parts.empty() || first != spectrum.size())
        return refuseModel("the settings factors, spectral and transition do not fit the tensors");
    return parts;
}

} // namespace

Result<std::unique_ptr<BlendScorer>> BlendScorer::open(const Package &package)
{
    const auto *items = package.find("items");
    const auto *spectrum = package.find("spectrum");
    const auto *history = package.find("history");
    const auto *counts = package.find("counts");
    if (items == nullptr || spectrum == nullptr || counts == nullptr || items->dtype != "F32"
        || spectrum->dtype != "F32" || counts->dtype != "I64" || items->shape.size() != 2
        || (history != nullptr && history->dtype != "F32"))
        return refuseModel(
            "a blended mf model needs items F32 [n, D], spectrum F32 [D], counts I64 [n] "
            "and for its linear parts history F32 [n, d]");
    const auto n = items->shape[0], d = items->shape[1];
    if (n < 1 || n > INT32_MAX || d < 1 || d > 3 * 4096
        || spectrum->shape != std::vector<std::int64_t>{d}
        || counts->shape != std::vector<std::int64_t>{n})
        return refuseModel("the shapes of items, spectrum and counts do not fit together");
    auto parts = readParts(package, floatsOf(package, *spectrum));
    if (!parts)
        return tl::unexpected(parts.error());
    std::int64_t factors = 0, sums = 0;
    for (const auto &part : *parts)
        (part.kind == BlendPart::Kind::FoldIn ? factors : sums) +=
            static_cast<std::int64_t>(part.width);
    if (sums > 0 ? history == nullptr || history->shape != std::vector<std::int64_t>{n, sums}
                 : history != nullptr)
        return refuseModel("the tensor history must be as wide as the linear parts");
    DR_RETURN_IF_ERROR(checkNumbers(package, *items, *spectrum, history, factors));

    ItemPanels panels(floatsOf(package, *items), static_cast<std::size_t>(n),
                      static_cast<std::size_t>(d));
    std::unique_ptr<BlendScorer> scorer(new BlendScorer(package, std::move(panels)));
    scorer->m_parts = std::move(*parts);
    scorer->m_historyWidth = static_cast<std::size_t>(sums);
    if (history != nullptr) {
        const auto rows = floatsOf(package, *history);
        scorer->m_history.assign(rows.begin(), rows.end());
    }
    scorer->m_counts = popularityScores(package, *counts, scorer->stride());
    return scorer;
}

BlendScorer::BlendScorer(const Package &package, ItemPanels panels)
    : FullScorer(package), m_items(std::move(panels))
{
}

bool BlendScorer::shopperVector(std::span<const std::int64_t> newest, std::span<float> out,
                                std::vector<float> &rows, BlendScratch &scratch) const
{
    std::size_t first = 0, historyFirst = 0;
    for (const auto &part : m_parts) {
        rows.resize(newest.size() * part.width);
        for (std::size_t i = 0; i < newest.size(); ++i) {
            const std::span to(rows.data() + i * part.width, part.width);
            const auto item = static_cast<std::size_t>(newest[i]);
            if (part.kind == BlendPart::Kind::FoldIn)
                m_items.row(item, to, first);
            else
                std::copy_n(m_history.data() + item * m_historyWidth + historyFirst, part.width,
                            to.begin());
        }
        if (!partVector(part, items(), rows, out.subspan(first, part.width), scratch))
            return false;
        first += part.width;
        historyFirst += part.kind == BlendPart::Kind::Sum ? part.width : 0;
    }
    return true;
}

Result<> BlendScorer::scoreAll(std::span<const std::vector<std::int64_t>> histories,
                               std::span<float> out) const
{
    const std::size_t d = m_items.factors();
    std::vector<float> shoppers(histories.size() * d, 0.0f), rows;
    BlendScratch scratch;
    std::vector<std::size_t> cold;
    for (std::size_t h = 0; h < histories.size(); ++h) {
        const auto newest = newestFirst(histories[h], items());
        const std::span vector(shoppers.data() + h * d, d);
        if (newest.empty())
            cold.push_back(h);
        else if (!shopperVector(newest, vector, rows, scratch))
            return refuseModel(
                "a history gives no positive definite system; train with lambda > 0");
    }
    m_items.product(shoppers, out);
    for (const auto h : cold)
        std::copy(m_counts.begin(), m_counts.end(),
                  out.begin() + static_cast<std::ptrdiff_t>(h * stride()));
    return {};
}

} // namespace engine
