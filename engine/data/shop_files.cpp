#include "engine/data/shop_files.h"

#include "engine/base/files.h"
#include "engine/data/byte_file.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <nlohmann/json.hpp>

namespace engine {
namespace {

constexpr std::string_view kDataset = "DRHIST01", kTrace = "DRTRAC01", kExpected = "DREXPE01",
                           kPopularity = "DRPOPU01";
constexpr std::uint64_t kLargest = 4ull << 30;
constexpr int kFormat = 1;

std::filesystem::path expectedFile(const std::filesystem::path &folder, const std::string &digest)
{
    return folder / ("expected-" + digest.substr(0, 16) + ".bin");
}

/// nlohmann would turn -1 or 1e99 into some number; here only what fits is taken.
template <class T>
void number(const nlohmann::json &json, const char *key, T &value)
{
    const auto &field = json.at(key);
    if (!field.is_number_unsigned() || field.get<std::uint64_t>() > std::numeric_limits<T>::max())
        throw nlohmann::json::type_error::create(302, std::string(key) + " is out of range",
                                                 &field);
    field.get_to(value);
}

template <class T>
Result<T> checked(Result<> finished, T value)
{
    if (!finished)
        return tl::unexpected(finished.error());
    return value;
}

} // namespace

Result<> writeShopInfo(const std::filesystem::path &folder, const ShopInfo &info)
{
    const nlohmann::json json{{"format", kFormat},
                              {"name", info.name},
                              {"application", info.application},
                              {"source", info.source},
                              {"synthetic", info.synthetic},
                              {"seed", info.seed},
                              {"items", info.items},
                              {"shoppers", info.shoppers},
                              {"events", info.events},
                              {"traceRows", info.traceRows},
                              {"linesRead", info.linesRead},
                              {"dropped", info.dropped},
                              {"metrics", info.metrics}};
    const auto text = json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    return writeTextAtomically(folder / "shop.json", text);
}

Result<ShopInfo> readShopInfo(const std::filesystem::path &folder)
{
    const auto file = folder / "shop.json";
    const auto text = readText(file, 1 << 20);
    if (!text)
        return tl::unexpected(text.error());
    try {
        const auto json = nlohmann::json::parse(*text);
        if (json.at("format") != kFormat) {
            return fail(ErrorCode::InvalidInput,
                        "This shop was made by another version of Drillroom; create it again",
                        file.string());
        }
        ShopInfo info;
        json.at("name").get_to(info.name);
        json.at("application").get_to(info.application);
        json.at("source").get_to(info.source);
        json.at("synthetic").get_to(info.synthetic);
        number(json, "seed", info.seed);
        number(json, "items", info.items);
        number(json, "shoppers", info.shoppers);
        number(json, "events", info.events);
        number(json, "traceRows", info.traceRows);
        number(json, "linesRead", info.linesRead);
        json.at("dropped").get_to(info.dropped);
        json.at("metrics").get_to(info.metrics);
        // The name becomes part of paths.
        if (info.name.empty() || info.name.front() == '.'
            || info.name.find('/') != std::string::npos)
            return fail(ErrorCode::InvalidInput,
                        "\"" + info.name + "\" is no name for a shop; create it again",
                        file.string());
        return info;
    } catch (const nlohmann::json::parse_error &error) {
        return fail(ErrorCode::InvalidInput,
                    "The file is no JSON; create the shop again: " + std::string(error.what()),
                    file.string() + ":byte " + std::to_string(error.byte));
    } catch (const nlohmann::json::exception &error) {
        return fail(ErrorCode::InvalidInput,
                    "A field is missing or of the wrong kind; create the shop again: "
                        + std::string(error.what()),
                    file.string());
    }
}

Result<> writeDataset(const std::filesystem::path &file, const Dataset &data)
{
    ByteFileWriter out(kDataset);
    out.u32(data.items);
    out.u32(data.synthetic ? 1 : 0);
    out.u64(data.shoppers());
    out.u64(data.events.size());
    out.u64(data.linesRead);
    out.u64(data.dropped.size());
    if (data.offsets.empty())
        out.u64(0);
    out.all(std::span<const std::uint64_t>(data.offsets));
    out.all(std::span<const std::uint32_t>(data.events));
    for (const auto &[reason, lines] : data.dropped) {
        out.text(reason);
        out.u64(lines);
    }
    for (const auto &id : data.itemIds)
        out.text(id);
    for (const auto &title : data.itemTitles)
        out.text(title);
    for (const auto &id : data.shopperIds)
        out.text(id);
    return out.save(file);
}

Result<Dataset> readDataset(const std::filesystem::path &file)
{
    auto in = ByteFileReader::open(file, kDataset, kLargest);
    if (!in)
        return tl::unexpected(in.error());
    Dataset data;
    data.items = in->u32();
    data.synthetic = in->u32() != 0;
    const auto shoppers = in->u64();
    const auto events = in->u64();
    data.linesRead = in->u64();
    const auto reasons = in->u64();
    if (shoppers == ~std::uint64_t{0} || !in->fits(shoppers + 1, sizeof(std::uint64_t)))
        in->fault("it has an impossible number of shoppers");
    data.offsets = in->all<std::uint64_t>(in->ok() ? shoppers + 1 : 0);
    for (std::size_t i = 0; i < data.offsets.size() && in->ok(); ++i) {
        if (data.offsets[i] > events || (i > 0 && data.offsets[i] < data.offsets[i - 1])
            || (i == 0 && data.offsets[i] != 0)
            || (i + 1 == data.offsets.size() && data.offsets[i] != events))
            in->fault("shopper " + std::to_string(i) + " starts at an impossible event",
                      (data.offsets.size() - i) * sizeof(std::uint64_t));
    }
    data.events = in->all<std::uint32_t>(events);
    for (std::size_t i = 0; i < data.events.size() && in->ok(); ++i) {
        if (data.events[i] >= data.items)
            in->fault("event " + std::to_string(i) + " names item " + std::to_string(data.events[i])
                          + " of " + std::to_string(data.items),
                      (data.events.size() - i) * sizeof(std::uint32_t));
    }
    for (std::uint64_t i = 0; i < reasons && in->ok(); ++i) {
        const auto reason = in->text();
        data.dropped[reason] = in->u64();
    }
    const auto texts = [&in](std::vector<std::string> &to, std::uint64_t count) {
        if (!in->fits(count, sizeof(std::uint32_t)))
            return;
        to.reserve(count);
        for (std::uint64_t i = 0; i < count && in->ok(); ++i)
            to.push_back(in->text());
    };
    texts(data.itemIds, data.items);
    texts(data.itemTitles, data.items);
    texts(data.shopperIds, shoppers);
    return checked(in->finish(), std::move(data));
}

Result<> writeItems(const std::filesystem::path &folder, const Dataset &data)
{
    const auto cell = [](std::string text) {
        std::replace_if(
            text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; }, ' ');
        return text;
    };
    std::string text = "item\tid\ttitle\n";
    for (std::uint32_t item = 0; item < data.items; ++item)
        text += std::to_string(item) + '\t' + cell(data.itemIds[item]) + '\t'
                + cell(data.itemTitles[item]) + '\n';
    return writeTextAtomically(folder / "items.tsv", text);
}

Result<> writeTrace(const std::filesystem::path &file, std::span<const TraceRow> rows)
{
    ByteFileWriter out(kTrace);
    out.u64(rows.size());
    for (const auto &row : rows) {
        out.u32(row.shopper);
        out.u32(row.h);
        out.u32(row.label);
        out.u32(std::bit_cast<std::uint32_t>(row.logNormaliser));
    }
    return out.save(file);
}

Result<std::vector<TraceRow>> readTrace(const std::filesystem::path &file)
{
    auto in = ByteFileReader::open(file, kTrace, kLargest);
    if (!in)
        return tl::unexpected(in.error());
    const auto count = in->u64();
    std::vector<TraceRow> rows;
    if (in->fits(count, 16))
        rows.reserve(count);
    for (std::uint64_t i = 0; i < count && in->ok(); ++i) {
        TraceRow row;
        row.shopper = in->u32();
        row.h = in->u32();
        row.label = in->u32();
        row.logNormaliser = std::bit_cast<float>(in->u32());
        if (!std::isfinite(row.logNormaliser))
            in->fault("row " + std::to_string(i) + " has no finite normaliser", 4);
        rows.push_back(row);
    }
    return checked(in->finish(), std::move(rows));
}

Result<> writeExpected(const std::filesystem::path &folder, const std::string &digest,
                       std::span<const float> expected)
{
    ByteFileWriter out(kExpected);
    out.text(digest);
    out.u64(expected.size());
    out.all(expected);
    return out.save(expectedFile(folder, digest));
}

Result<std::vector<float>> readExpected(const std::filesystem::path &folder,
                                        const std::string &digest, float most)
{
    const auto file = expectedFile(folder, digest);
    auto in = ByteFileReader::open(file, kExpected, kLargest);
    if (!in)
        return tl::unexpected(in.error());
    if (in->text() != digest && in->ok())
        in->fault("it belongs to another package than " + digest, digest.size());
    const auto count = in->u64();
    auto values = in->all<float>(count);
    for (std::size_t i = 0; i < values.size() && in->ok(); ++i) {
        if (!(values[i] >= 0 && values[i] <= most + 0.001f))
            in->fault(fmt::format("row {} is no quality between 0 and {:g}", i, most),
                      (values.size() - i) * sizeof(float));
    }
    return checked(in->finish(), std::move(values));
}

Result<> writePopularity(const std::filesystem::path &folder, std::span<const std::uint32_t> items)
{
    ByteFileWriter out(kPopularity);
    out.u64(items.size());
    out.all(items);
    return out.save(folder / "popularity.bin");
}

Result<std::vector<std::uint32_t>> readPopularity(const std::filesystem::path &folder)
{
    auto in = ByteFileReader::open(folder / "popularity.bin", kPopularity, kLargest);
    if (!in)
        return tl::unexpected(in.error());
    const auto count = in->u64();
    auto items = in->all<std::uint32_t>(count);
    std::vector<bool> seen(items.size());
    for (std::size_t i = 0; i < items.size() && in->ok(); ++i) {
        if (items[i] >= items.size() || seen[items[i]])
            in->fault("place " + std::to_string(i) + " names an item out of range or twice",
                      (items.size() - i) * sizeof(std::uint32_t));
        else
            seen[items[i]] = true;
    }
    return checked(in->finish(), std::move(items));
}

} // namespace engine
