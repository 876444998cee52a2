#include "engine/training/recommend_file.h"

#include "engine/data/field.h"
#include "engine/data/output_file.h"
#include "engine/data/parallel.h"
#include "engine/data/word_lines.h"
#include "engine/training/recommender_data.h"

#include <algorithm>
#include <atomic>

namespace engine {
namespace {

constexpr std::size_t kPerThread = 64; // shoppers that one call of the scorer answers

/// Collects histories, answers them many at a time, writes in the order of the file.
class Desk
{
public:
    Desk(const FullScorer &model, const ItemIds &ids, const AnswerOrder &order, OutputFile output)
        : m_model(model), m_ids(ids), m_order(order), m_output(std::move(output)),
          m_threads(static_cast<unsigned>(std::max(1, order.threads))),
          m_separator(ids.hasSpaces() ? '\t' : ' ')
    {
    }

    void begin(std::string_view shopper)
    {
        m_shoppers.emplace_back(shopper);
        m_histories.emplace_back();
        m_last.clear();
        m_hasLast = false;
    }
    /// The same item twice in a row counts once, as in training.
    void item(std::string_view name)
    {
        if (m_hasLast && name == m_last)
            return;
        m_last = name;
        m_hasLast = true;
        const auto number = m_ids.number(name);
        if (number >= 0)
            m_histories.back().push_back(number);
        else
            ++m_unknown;
    }
    [[nodiscard]] Result<> end()
    {
        if (m_histories.back().empty())
            ++m_cold;
        return m_histories.size() >= kPerThread * m_threads ? flush() : Result<>{};
    }

    [[nodiscard]] Result<Answered> finish()
    {
        DR_RETURN_IF_ERROR(flush());
        DR_RETURN_IF_ERROR(m_output.commit());
        if (m_unknown > 0)
            m_answered.notes["unknown items ignored"] = m_unknown;
        if (m_cold > 0)
            m_answered.notes["users without a known item, answered by popularity"] = m_cold;
        if (m_short > 0)
            m_answered.notes["users with fewer items left than asked for"] = m_short;
        return m_answered;
    }

private:
    [[nodiscard]] Result<> flush()
    {
        const auto n = m_histories.size();
        std::vector<Result<std::vector<TopItems>>> parts((n + kPerThread - 1) / kPerThread);
        forChunks(n, kPerThread, m_threads, [&](std::size_t first, std::size_t end) {
            parts[first / kPerThread] =
                m_model.score(std::span(m_histories).subspan(first, end - first), m_order.k);
        });
        std::string text;
        std::size_t shopper = 0;
        for (const auto &part : parts) {
            if (!part)
                return tl::unexpected(part.error());
            for (const auto &list : *part) {
                text += m_shoppers[shopper++];
                for (const auto item : list.items) {
                    text += m_separator;
                    text += m_ids.name(static_cast<std::size_t>(item));
                }
                text += '\n';
                m_short += list.items.size() < static_cast<std::size_t>(m_order.k) ? 1 : 0;
            }
        }
        m_answered.rows += n;
        m_histories.clear();
        m_shoppers.clear();
        return m_output.write(text);
    }

    const FullScorer &m_model;
    const ItemIds &m_ids;
    const AnswerOrder &m_order;
    OutputFile m_output;
    unsigned m_threads;
    char m_separator;
    std::vector<std::string> m_shoppers;
    std::vector<std::vector<std::int64_t>> m_histories;
    std::string m_last;
    bool m_hasLast = false;
    std::uint64_t m_unknown = 0, m_cold = 0, m_short = 0;
    Answered m_answered;
};

Result<> answerLists(Desk &desk, const InputFile &in, TrainMonitor &monitor)
{
    constexpr std::uint64_t kLinesPerProgress = 4096;
    auto lines = WordLines::open(in.path, kLongestList);
    if (!lines)
        return tl::unexpected(lines.error());
    std::vector<std::string> words;
    for (;;) {
        const auto more = lines->next(words);
        if (!more)
            return tl::unexpected(more.error());
        if (!*more)
            return {};
        if (lines->line() % kLinesPerProgress == 0) {
            if (monitor.stop().stop_requested())
                return fail(ErrorCode::Halted, "Stopped; nothing was written");
            monitor.progress("answering histories",
                             static_cast<double>(lines->source().bytesRead())
                                 / static_cast<double>(lines->source().bytesInAll()));
        }
        if (words.empty())
            continue;
        desk.begin(identifier(words[0]));
        for (std::size_t i = 1; i < words.size(); ++i)
            desk.item(identifier(words[i]));
        DR_RETURN_IF_ERROR(desk.end());
    }
}

Result<> answerEvents(Desk &desk, const InputFile &in, TrainMonitor &monitor)
{
    const auto data = readEvents(in, monitor);
    if (!data)
        return tl::unexpected(data.error());
    for (std::size_t s = 0; s < data->shoppers(); ++s) {
        if (monitor.stop().stop_requested())
            return fail(ErrorCode::Halted, "Stopped; nothing was written");
        desk.begin(data->shopperIds[s]);
        for (const auto item : data->of(s))
            desk.item(data->itemIds[item]);
        DR_RETURN_IF_ERROR(desk.end());
    }
    return {};
}

} // namespace

Result<Answered> recommendFile(const FullScorer &model, const ItemIds &ids,
                               const AnswerOrder &order, TrainMonitor &monitor)
{
    if (order.k < 1)
        return fail(ErrorCode::Usage, "--k must be at least 1");
    // `user item item` may well have three words on every line, so only a name can say csv.
    auto format = order.in.format.empty() && order.in.columns.empty()
                          && order.in.path.extension() != ".csv"
                          && order.in.path.extension() != ".tsv"
                      ? Result<ImportFormat>(ImportFormat::Lists)
                      : toldFormat(order.in.path, order.in.format);
    if (!format)
        return tl::unexpected(format.error());
    auto output = OutputFile::open(order.out);
    if (!output)
        return tl::unexpected(output.error());
    Desk desk(model, ids, order, std::move(*output));
    DR_RETURN_IF_ERROR(*format == ImportFormat::Lists ? answerLists(desk, order.in, monitor)
                                                      : answerEvents(desk, order.in, monitor));
    return desk.finish();
}

} // namespace engine
