#pragma once
// Reads a catalogue for search: JSON lines (one object per product) or CSV with a header. Which
// member or column means what is told, or guessed from its name; what is neither goes into the
// attributes. One thread.

#include "engine/model/search_index.h"
#include "engine/training/train_monitor.h"

#include <filesystem>
#include <map>

namespace engine {

struct ReadProducts
{
    SearchIndex index;
    std::vector<float> price, popularity;     ///< per product; NaN: not known
    std::uint64_t repeated = 0, dropped = 0;  ///< ids seen before; rows without id or fields
    std::map<std::string, std::string> roles; ///< role -> column that was taken
};

/// Roles that `columns` may name: item, title, description, long-text, supplier, category, price,
/// popularity. An empty format is told from the file's ending (.jsonl, .json, .ndjson; else csv).
[[nodiscard]] Result<ReadProducts> readProducts(const std::filesystem::path &path,
                                                const std::string &format,
                                                const std::map<std::string, std::string> &columns,
                                                Plurals plurals, TrainMonitor &monitor);

} // namespace engine
