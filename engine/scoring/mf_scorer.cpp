#include "engine/scoring/mf_scorer.h"

#include "engine/scoring/package_parts.h"
#include "engine/scoring/torch_guard.h"

#include "engine/base/exact_math.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/mm.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>

namespace engine {
namespace {

/// Views the verified buffer; nothing is copied or written.
at::Tensor view(const Package &package, const TensorEntry &entry)
{
    return at::from_blob(const_cast<float *>(floatsOf(package, entry).data()), entry.shape,
                         at::kFloat);
}

Result<> checkNumbers(const Package &package, const TensorEntry &items, const TensorEntry &gram)
{
    return torchGuarded([&]() -> Result<> {
        const c10::InferenceMode inference;
        const auto factors = view(package, items);
        const auto stored = view(package, gram);
        if (!at::isfinite(factors).all().item<bool>() || !at::isfinite(stored).all().item<bool>())
            return refuseModel("its weights hold NaN or infinity");
        const auto product = at::mm(factors.t(), factors);
        const double most = product.abs().max().item<double>();
        const double off = product.sub(stored).abs().max().item<double>();
        if (!(off <= 1e-3 * most + 1e-12))
            return refuseModel("the tensor gram is not the product of the tensor items");
        return {};
    });
}

} // namespace

Result<std::unique_ptr<MfScorer>> MfScorer::open(const Package &package)
{
    const auto *items = package.find("items");
    const auto *gram = package.find("gram");
    const auto *counts = package.find("counts");
    if (items == nullptr || gram == nullptr || counts == nullptr || items->dtype != "F32"
        || gram->dtype != "F32" || counts->dtype != "I64" || items->shape.size() != 2)
        return refuseModel("family mf needs items F32 [n, d], gram F32 [d, d] and counts I64 [n]");
    const auto n = items->shape[0], d = items->shape[1];
    if (n < 1 || n > INT32_MAX || d < 1 || d > 4096
        || gram->shape != std::vector<std::int64_t>{d, d}
        || counts->shape != std::vector<std::int64_t>{n})
        return refuseModel("the shapes of items, gram and counts do not fit together");
    auto alpha0 = settingOf(package, "alpha0", 0.0, 1e6);
    auto lambda = settingOf(package, "lambda", 0.0, 1e6);
    auto nu = settingOf(package, "nu", 0.0, 4.0);
    for (const auto *value : {&alpha0, &lambda, &nu}) {
        if (!*value)
            return tl::unexpected(value->error());
    }
    DR_RETURN_IF_ERROR(checkNumbers(package, *items, *gram));

    ItemPanels panels(floatsOf(package, *items), static_cast<std::size_t>(n),
                      static_cast<std::size_t>(d));
    std::unique_ptr<MfScorer> scorer(new MfScorer(package, std::move(panels)));
    scorer->m_alpha0 = *alpha0;
    scorer->m_lambda = *lambda;
    scorer->m_nu = *nu;
    scorer->m_gram.resize(static_cast<std::size_t>(d * d));
    const auto stored = floatsOf(package, *gram);
    std::transform(stored.begin(), stored.end(), scorer->m_gram.begin(),
                   [&](float value) { return *alpha0 * static_cast<double>(value); });
    scorer->m_counts = popularityScores(package, *counts, scorer->stride());
    return scorer;
}

MfScorer::MfScorer(const Package &package, ItemPanels panels)
    : FullScorer(package), m_items(std::move(panels))
{
}

Result<> MfScorer::scoreAll(std::span<const std::vector<std::int64_t>> histories,
                            std::span<float> out) const
{
    const std::size_t d = m_items.factors();
    std::vector<float> shoppers(histories.size() * d, 0.0f), rows;
    std::vector<double> work;
    std::vector<std::size_t> cold;
    for (std::size_t h = 0; h < histories.size(); ++h) {
        const auto known = knownItems(histories[h], items());
        if (known.empty()) {
            cold.push_back(h);
            continue;
        }
        rows.resize(known.size() * d);
        for (std::size_t i = 0; i < known.size(); ++i)
            m_items.row(static_cast<std::size_t>(known[i]), {rows.data() + i * d, d});
        const double seen =
            static_cast<double>(known.size()) + m_alpha0 * static_cast<double>(items());
        const double ridge = m_lambda * exact::pow(seen, m_nu);
        if (!foldIn(rows, d, m_gram, ridge, {shoppers.data() + h * d, d}, work))
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
