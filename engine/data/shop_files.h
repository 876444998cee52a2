#pragma once
// A shop on disk: one folder that `shop create` writes once and every process of the shop reads.
//   shop.json       ShopInfo
//   history.bin     all events of all shoppers (the store starts from it, trace rows point into it)
//   trace.bin       TraceRow records
//   items.tsv       item number, outside id, title
//   prices.bin      item prices (item_prices.h), where any is known
//   popularity.bin  item numbers by popularity, best first (the gateway's fallback list)
//   packages/VERSION/  model packages;  registry.json  which one serves, floor, history
//   expected-DIGEST16.bin  float32 per trace row: what that package earns on exactly that row
//   store.db        the store's own database (made at first start from history.bin)

#include "engine/base/error.h"
#include "engine/data/dataset.h"

#include <filesystem>

namespace engine {

struct ShopInfo
{
    std::string name, application = "recommend", source; ///< source: synthetic:demo or a path
    std::string synthetic;                               ///< "", or the size: tiny, demo, large
    std::uint64_t seed = 1;
    std::uint32_t items = 0, shoppers = 0;
    std::uint64_t events = 0, traceRows = 0, linesRead = 0;
    std::map<std::string, std::uint64_t> dropped;
    std::map<std::string, double>
        metrics; ///< of the served package and popularity, on the test part
};

[[nodiscard]] Result<> writeShopInfo(const std::filesystem::path &folder, const ShopInfo &info);
[[nodiscard]] Result<ShopInfo> readShopInfo(const std::filesystem::path &folder);

[[nodiscard]] Result<> writeDataset(const std::filesystem::path &file, const Dataset &data);
/// Checks magic, sizes and ranges; hostile files give an error with the byte.
[[nodiscard]] Result<Dataset> readDataset(const std::filesystem::path &file);

/// items.tsv, with a header line; tabs and control characters in names become spaces.
[[nodiscard]] Result<> writeItems(const std::filesystem::path &folder, const Dataset &data);

[[nodiscard]] Result<> writeTrace(const std::filesystem::path &file,
                                  std::span<const TraceRow> rows);
[[nodiscard]] Result<std::vector<TraceRow>> readTrace(const std::filesystem::path &file);

[[nodiscard]] Result<> writeExpected(const std::filesystem::path &folder, const std::string &digest,
                                     std::span<const float> expected);
/// A quality is at most 1; what an answer of another application can earn may be more (`most`).
[[nodiscard]] Result<std::vector<float>> readExpected(const std::filesystem::path &folder,
                                                      const std::string &digest, float most = 1);

/// Every item exactly once, best first.
[[nodiscard]] Result<> writePopularity(const std::filesystem::path &folder,
                                       std::span<const std::uint32_t> items);
[[nodiscard]] Result<std::vector<std::uint32_t>>
readPopularity(const std::filesystem::path &folder);

} // namespace engine
