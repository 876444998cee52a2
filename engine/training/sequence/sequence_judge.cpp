#include "engine/training/sequence/sequence_judge.h"

#include "engine/training/rank_metrics.h"
#include "engine/training/sequence/sequence_loss.h"

#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <atomic>
#include <cmath>

namespace engine {
namespace {

constexpr std::size_t kBlockShoppers = 128;

std::vector<std::int64_t> sortedUnique(std::span<const std::uint32_t> events)
{
    std::vector<std::int64_t> known(events.begin(), events.end());
    std::sort(known.begin(), known.end());
    known.erase(std::unique(known.begin(), known.end()), known.end());
    return known;
}

} // namespace

SequenceJudge::SequenceJudge(const Dataset &train, const Dataset &valid,
                             const SequenceOptions &options)
    : m_train(train), m_length(options.length), m_masked(options.task == "masked")
{
    const bool carves = valid.events.empty();
    m_heldOut.assign(train.shoppers(), 0);
    std::vector<Case> all;
    for (std::size_t s = 0; s < train.shoppers(); ++s) {
        auto history = train.of(s);
        std::span<const std::uint32_t> next;
        if (carves) {
            if (history.size() < 3)
                continue;
            m_heldOut[s] = 1;
            next = history.last(1);
            history = history.first(history.size() - 1);
        } else {
            next = valid.of(s);
        }
        Case row{train.offsets[s],
                 static_cast<std::uint32_t>(history.size()),
                 {},
                 sortedUnique(history)};
        for (const auto label : sortedUnique(next)) {
            if (!std::binary_search(row.known.begin(), row.known.end(), label))
                row.labels.push_back(static_cast<std::uint32_t>(label));
        }
        if (!row.labels.empty() && !history.empty())
            all.push_back(std::move(row));
    }
    const auto count =
        std::min(all.size(), static_cast<std::size_t>(std::max(1, options.validationShoppers)));
    for (std::size_t i = 0; i < count; ++i)
        m_cases.push_back(std::move(all[i * all.size() / count]));
    const auto read = [&](const Case &row) {
        return std::min(row.length, static_cast<std::uint32_t>(m_length));
    };
    std::stable_sort(m_cases.begin(), m_cases.end(),
                     [&](const Case &a, const Case &b) { return read(a) < read(b); });
}

SequenceQuality SequenceJudge::block(std::size_t first, std::size_t end, const SequenceNet &net,
                                     const std::vector<at::Tensor> &views) const
{
    // Causal: right padding is never seen. Masked: one more place, for the item asked for.
    const auto most = static_cast<std::uint32_t>(m_length) - (m_masked ? 1 : 0);
    const auto rows = static_cast<std::int64_t>(end - first);
    const auto longest = std::min(m_cases[end - 1].length, most) + (m_masked ? 1 : 0);
    std::vector<std::int64_t> items(static_cast<std::size_t>(rows) * longest, 0), last;
    SequenceNet::Masked masked;
    if (m_masked) {
        masked.hidden = at::zeros({rows, longest, 1}, at::kBool);
        masked.keys = at::zeros({rows, 1, 1, longest}, at::kBool);
    }
    for (std::size_t r = first; r < end; ++r) {
        const auto &row = m_cases[r];
        const auto read = std::min(row.length, most);
        const auto at = (r - first) * longest;
        for (std::uint32_t i = 0; i < read; ++i)
            items[at + i] = m_train.events[row.begin + row.length - read + i];
        last.push_back(static_cast<std::int64_t>(at + read - (m_masked ? 0 : 1)));
        if (m_masked) {
            const auto b = static_cast<std::int64_t>(r - first);
            masked.hidden[b][read].fill_(true);
            masked.keys[b].narrow(2, 0, read + 1).fill_(true);
        }
    }
    const auto &table = views.front();
    const auto d = net.factors();
    if (m_masked) {
        masked.hidden = masked.hidden.to(table.device());
        masked.keys = masked.keys.to(table.device());
    }
    const auto outputs = net.encode(views,
                                    table.index_select(0, onDevice(items, table))
                                        .view({rows, static_cast<std::int64_t>(longest), d}),
                                    nullptr, m_masked ? &masked : nullptr)
                             .view({-1, d})
                             .index_select(0, onDevice(last, table));
    const auto scores = at::mm(outputs, table.t()).cpu();
    const auto count = static_cast<std::size_t>(table.size(0));
    SequenceQuality sum;
    for (std::size_t r = first; r < end; ++r) {
        const std::span row(scores.data_ptr<float>() + (r - first) * count, count);
        double dcg = 0, ideal = 0;
        bool hit = false;
        for (std::size_t l = 0; l < m_cases[r].labels.size(); ++l) {
            const auto rank = rankAgainstModel(row, m_cases[r].known, m_cases[r].labels[l]);
            if (rank <= 10) {
                dcg += 1.0 / std::log2(1.0 + static_cast<double>(rank));
                hit = true;
            }
            if (l < 10)
                ideal += 1.0 / std::log2(2.0 + static_cast<double>(l));
        }
        sum.ndcg10 += dcg / ideal;
        sum.hr10 += hit ? 1 : 0;
    }
    return sum;
}

SequenceQuality SequenceJudge::measure(const SequenceNet &net, const at::Tensor &flat,
                                       const at::Tensor &table, WorkTeam &team) const
{
    const auto blocks = (m_cases.size() + kBlockShoppers - 1) / kBlockShoppers;
    std::vector<SequenceQuality> sums(blocks);
    std::atomic<std::size_t> next{0};
    team.run([&](int) {
        const c10::InferenceMode inference;
        auto views = net.views(flat);
        views.front() = table;
        for (auto b = next++; b < blocks; b = next++)
            sums[b] = block(b * kBlockShoppers, std::min(m_cases.size(), (b + 1) * kBlockShoppers),
                            net, views);
    });
    SequenceQuality mean;
    const auto count = static_cast<double>(std::max<std::size_t>(1, m_cases.size()));
    for (const auto &sum : sums) {
        mean.ndcg10 += sum.ndcg10 / count;
        mean.hr10 += sum.hr10 / count;
    }
    return mean;
}

} // namespace engine
