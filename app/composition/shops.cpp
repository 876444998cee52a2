#include "app/composition/shops.h"

#include "app/composition/train_child.h"
#include "engine/base/files.h"
#include "engine/data/application_files.h"
#include "engine/data/golden.h"
#include "engine/data/item_prices.h"
#include "engine/data/oracle.h"
#include "engine/data/parallel.h"
#include "engine/data/split.h"
#include "engine/data/synthetic.h"

#include <algorithm>
#include <fmt/format.h>
#include <unistd.h>

namespace app {
namespace {

namespace fs = std::filesystem;
using engine::ErrorCode;
using engine::fail;
using engine::Result;

bool isGoodName(const std::string &name)
{
    return !name.empty() && name.size() <= 64 && name[0] != '.'
           && std::all_of(name.begin(), name.end(), [](char c) {
                  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
                         || c == '-' || c == '_' || c == '.';
              });
}

Result<> checkApplications(const std::vector<std::string> &applications)
{
    const auto has = [&](const std::string &name) {
        return std::ranges::count(applications, name);
    };
    for (const auto &name : applications)
        if ((name != "recommend" && !engine::knownApplication(name)) || has(name) > 1)
            return fail(ErrorCode::Usage,
                        "'" + name
                            + "' cannot be among the applications; write each of recommend, "
                              "search, ads and inventory at most once");
    if (has("recommend") == 0)
        return fail(ErrorCode::Usage,
                    "Every shop recommends: --applications must name recommend, too");
    return {};
}

/// Removes the half-built folder unless it was kept.
class Draft
{
public:
    explicit Draft(fs::path folder) : m_folder(std::move(folder)) {}
    ~Draft()
    {
        std::error_code error;
        if (!m_kept)
            fs::remove_all(m_folder, error);
    }
    Draft(const Draft &) = delete;
    Draft &operator=(const Draft &) = delete;
    void keep() { m_kept = true; }
    [[nodiscard]] const fs::path &folder() const { return m_folder; }

private:
    fs::path m_folder;
    bool m_kept = false;
};

Result<engine::Dataset> readEvents(const ShopOrder &order, const std::string &size,
                                   const BuildProgress &progress)
{
    if (size.empty()) {
        engine::ImportOptions options;
        options.format = order.format;
        options.columns = order.columns;
        options.progress = [&](std::uint64_t done, std::uint64_t total) {
            progress("reading " + order.from,
                     total ? static_cast<double>(done) / static_cast<double>(total) : -1);
        };
        return engine::importFile(order.from, options);
    }
    const auto recipe = engine::syntheticRecipe(size);
    if (!recipe)
        return tl::unexpected(recipe.error());
    const engine::SyntheticShop shop(*recipe, order.seed);
    return shop.generate(engine::workThreads(),
                         [&](double part) { progress("making the synthetic shop", part); });
}

/// Empty when nobody knows any.
Result<std::vector<float>> pricesOf(const ShopOrder &order, const std::string &size,
                                    const engine::Dataset &data)
{
    if (size.empty()) {
        engine::ImportOptions options;
        options.format = order.format;
        options.columns = order.columns;
        return engine::importPrices(order.from, options, data);
    }
    const engine::SyntheticShop shop(*engine::syntheticRecipe(size), order.seed);
    std::vector<float> prices;
    for (std::uint32_t item = 0; item < data.items; ++item)
        prices.push_back(static_cast<float>(shop.price(item)));
    return prices;
}

/// history.bin, trace.bin, popularity.bin, prices.bin, items.tsv and shop.json without metrics.
Result<engine::ShopInfo> writeData(const fs::path &folder, const ShopOrder &order,
                                   const std::string &size, const engine::Dataset &data,
                                   const BuildProgress &progress)
{
    const auto split = engine::splitByTime(data);
    if (split.test.empty())
        return fail(ErrorCode::InvalidInput,
                    fmt::format("No shopper has {} events or more, so there is nothing to ask the "
                                "model about; give a longer file",
                                engine::kFewestForTrace),
                    order.from);
    auto trace = engine::makeTrace(split.test, engine::kTraceRows, order.seed);
    auto golden = engine::makeGolden(split, engine::kGoldenRows, order.seed);
    if (!size.empty()) {
        const engine::SyntheticShop shop(*engine::syntheticRecipe(size), order.seed);
        (void)engine::oracleQuality(shop, data, trace, engine::workThreads(), [&](double part) {
            progress("computing the exact probabilities", part);
        });
        (void)engine::oracleQuality(shop, data, golden, engine::workThreads());
    }
    engine::ShopInfo info;
    info.name = order.name;
    info.source = order.from;
    info.synthetic = size;
    info.seed = order.seed;
    info.items = data.items;
    info.shoppers = static_cast<std::uint32_t>(data.shoppers());
    info.events = data.events.size();
    info.traceRows = trace.size();
    info.linesRead = data.linesRead;
    info.dropped = data.dropped;
    const auto popular = engine::popularityOrder(split.train);
    DR_RETURN_IF_ERROR(engine::writeDataset(folder / "history.bin", data));
    DR_RETURN_IF_ERROR(engine::writeTrace(folder / "trace.bin", trace));
    DR_RETURN_IF_ERROR(engine::makePrivateFolder(engine::goldenFolder(folder)));
    DR_RETURN_IF_ERROR(engine::writeTrace(engine::goldenFolder(folder) / "trace.bin", golden));
    DR_RETURN_IF_ERROR(engine::writePopularity(folder, popular));
    DR_RETURN_IF_ERROR(engine::writeItems(folder, data));
    const auto prices = pricesOf(order, size, data);
    DR_RETURN_IF_ERROR(prices);
    DR_RETURN_IF_ERROR(engine::writePrices(folder, *prices));
    DR_RETURN_IF_ERROR(engine::writeShopInfo(folder, info));
    return info;
}

} // namespace

Result<engine::ShopInfo> createShop(const engine::Paths &paths, const ShopOrder &order,
                                    const BuildProgress &progress, std::stop_token stop)
{
    if (!isGoodName(order.name))
        return fail(ErrorCode::Usage,
                    "'" + order.name
                        + "' cannot be the name of a shop: use letters, digits, '-', '_' "
                          "and '.', at most 64");
    const auto target = paths.shops() / order.name;
    if (fs::exists(target))
        return fail(ErrorCode::InvalidInput,
                    "There is a shop '" + order.name
                        + "' already; delete it first: drillctl shop delete " + order.name);
    DR_RETURN_IF_ERROR(checkApplications(order.applications));
    std::string size;
    if (auto synthetic = engine::syntheticSize(order.from))
        size = *synthetic;
    else if (synthetic.error().code != ErrorCode::NotFound)
        return tl::unexpected(synthetic.error());

    DR_RETURN_IF_ERROR(engine::makePrivateFolder(paths.shops()));
    Draft draft(paths.shops() / fmt::format(".{}.{}", order.name, ::getpid()));
    DR_RETURN_IF_ERROR(engine::makePrivateFolder(draft.folder()));
    auto data = readEvents(order, size, progress);
    if (!data)
        return tl::unexpected(data.error());
    if (stop.stop_requested())
        return fail(ErrorCode::Halted, "Stopped; nothing was left behind");
    auto info = writeData(draft.folder(), order, size, *data, progress);
    if (!info)
        return info;
    DR_RETURN_IF_ERROR(trainInChild(paths, draft.folder(), "recommend", order.seed, order.timeLimit,
                                    progress, stop));
    for (const auto &application : order.applications)
        if (application != "recommend")
            DR_RETURN_IF_ERROR(trainInChild(paths, draft.folder(), application, order.seed,
                                            order.timeLimit, progress, stop));
    std::error_code error;
    fs::rename(draft.folder(), target, error);
    if (error)
        return fail(ErrorCode::Io, "Cannot put the shop in its place: " + error.message(),
                    target.string());
    draft.keep();
    return engine::readShopInfo(target);
}

std::vector<ShopEntry> listShops(const engine::Paths &paths)
{
    std::vector<ShopEntry> shops;
    std::error_code error;
    for (const auto &entry : fs::directory_iterator(paths.shops(), error)) {
        const auto name = entry.path().filename().string();
        if (!entry.is_directory() || name.starts_with('.'))
            continue;
        auto info = engine::readShopInfo(entry.path());
        ShopEntry shop;
        if (info)
            shop.info = *info;
        else
            shop.error = info.error().text();
        shop.info.name = name;
        shops.push_back(std::move(shop));
    }
    std::sort(shops.begin(), shops.end(),
              [](const auto &a, const auto &b) { return a.info.name < b.info.name; });
    return shops;
}

Result<fs::path> shopFolder(const engine::Paths &paths, const std::string &name)
{
    const auto folder = paths.shops() / name;
    if (isGoodName(name) && fs::exists(folder / "shop.json"))
        return folder;
    std::string names;
    for (const auto &shop : listShops(paths))
        names += (names.empty() ? "" : ", ") + shop.info.name;
    return fail(ErrorCode::NotFound,
                "There is no shop '" + name + "'; "
                    + (names.empty() ? "make one: drillctl shop create demo --from synthetic:demo"
                                     : "there are: " + names));
}

Result<> deleteShop(const engine::Paths &paths, const std::string &name)
{
    const auto folder = shopFolder(paths, name);
    if (!folder)
        return tl::unexpected(folder.error());
    // Renamed first: a cut deletion leaves a hidden folder, never half a shop.
    const auto hidden = paths.shops() / fmt::format(".{}.{}", name, ::getpid());
    std::error_code error;
    fs::rename(*folder, hidden, error);
    if (!error)
        fs::remove_all(hidden, error);
    if (error)
        return fail(ErrorCode::Io, "Cannot delete the shop: " + error.message(), folder->string());
    return {};
}

} // namespace app
