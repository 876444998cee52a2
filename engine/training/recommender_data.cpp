#include "engine/training/recommender_data.h"

#include <algorithm>
#include <unordered_map>

namespace engine {

Result<Dataset> readEvents(const InputFile &file, TrainMonitor &monitor)
{
    const auto format = toldFormat(file.path, file.format);
    if (!format)
        return tl::unexpected(format.error());
    if (*format != ImportFormat::Csv && !file.columns.empty())
        return fail(ErrorCode::Usage, "--columns is for files with a header (--format csv)",
                    file.path.string());
    ImportOptions options;
    options.format = *format;
    options.columns = file.columns;
    const auto what = "reading " + file.path.filename().string();
    options.progress = [&](std::uint64_t done, std::uint64_t total) {
        monitor.progress(what, total ? static_cast<double>(done) / static_cast<double>(total) : -1);
    };
    auto data = importFile(file.path, options);
    if (!data)
        return data;
    if (monitor.stop().stop_requested())
        return fail(ErrorCode::Halted, "Stopped");
    if (const auto dropped = droppedText(*data); !dropped.empty())
        monitor.note(file.path.filename().string() + ": " + dropped);
    return data;
}

Aligned align(const Dataset &from, std::uint32_t items,
              const std::function<std::int64_t(std::string_view)> &number,
              const std::vector<std::string> *shoppers)
{
    std::vector<std::int64_t> numbers;
    numbers.reserve(from.itemIds.size());
    for (const auto &id : from.itemIds)
        numbers.push_back(number(id));
    Aligned aligned;
    aligned.unknownItems =
        static_cast<std::uint64_t>(std::count(numbers.begin(), numbers.end(), std::int64_t{-1}));
    const auto &names = shoppers ? *shoppers : from.shopperIds;
    std::unordered_map<std::string_view, std::size_t> at;
    for (std::size_t s = 0; s < from.shopperIds.size(); ++s)
        at.emplace(from.shopperIds[s], s);
    aligned.data.items = items;
    aligned.data.shopperIds = names;
    aligned.data.offsets.push_back(0);
    std::size_t found = 0;
    for (const auto &name : names) {
        const auto place = at.find(name);
        std::vector<std::uint32_t> missed;
        if (place != at.end()) {
            ++found;
            for (const auto item : from.of(place->second)) {
                if (numbers[item] >= 0) {
                    aligned.data.events.push_back(static_cast<std::uint32_t>(numbers[item]));
                    continue;
                }
                ++aligned.unknownEvents;
                missed.push_back(item);
            }
        }
        std::sort(missed.begin(), missed.end());
        const auto distinct = std::unique(missed.begin(), missed.end()) - missed.begin();
        aligned.missed.push_back(static_cast<std::uint32_t>(distinct));
        aligned.data.offsets.push_back(aligned.data.events.size());
    }
    aligned.unknownShoppers = from.shopperIds.size() - found;
    return aligned;
}

std::uint64_t commonPairs(const Dataset &a, const Dataset &b)
{
    std::uint64_t common = 0;
    std::vector<std::uint32_t> known, other;
    for (std::size_t s = 0; s < std::min(a.shoppers(), b.shoppers()); ++s) {
        known.assign(a.of(s).begin(), a.of(s).end());
        other.assign(b.of(s).begin(), b.of(s).end());
        std::sort(known.begin(), known.end());
        std::sort(other.begin(), other.end());
        other.erase(std::unique(other.begin(), other.end()), other.end());
        common += static_cast<std::uint64_t>(
            std::count_if(other.begin(), other.end(), [&](std::uint32_t item) {
                return std::binary_search(known.begin(), known.end(), item);
            }));
    }
    return common;
}

} // namespace engine
