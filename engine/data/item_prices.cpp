#include "engine/data/item_prices.h"

#include "engine/data/byte_file.h"
#include "engine/data/csv_reader.h"
#include "engine/data/field.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace engine {
namespace {

constexpr std::string_view kMagic = "DRPRICE1";
constexpr std::uint64_t kLargest = 4ull << 30;

/// The column of a role; the header's size when there is none.
std::size_t columnOf(const std::vector<std::string> &header, const Columns &columns,
                     const std::string &role)
{
    const auto named = columns.find(role);
    const auto at =
        std::find(header.begin(), header.end(), named == columns.end() ? role : named->second);
    return static_cast<std::size_t>(at - header.begin());
}

float medianOf(std::vector<float> &values)
{
    if (values.empty())
        return 0;
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

} // namespace

Result<std::vector<float>> importPrices(const std::filesystem::path &file,
                                        const ImportOptions &options, const Dataset &data)
{
    if (options.format != ImportFormat::Csv)
        return std::vector<float>();
    auto csv = CsvReader::open(file, options.longestLine);
    if (!csv)
        return tl::unexpected(csv.error());
    const auto &header = csv->header();
    const auto item = columnOf(header, options.columns, "item"),
               price = columnOf(header, options.columns, "price");
    if (item == header.size() || price == header.size())
        return std::vector<float>();
    std::unordered_map<std::string_view, std::size_t> numbers;
    for (std::size_t i = 0; i < data.itemIds.size(); ++i)
        numbers.emplace(data.itemIds[i], i);
    std::vector<std::vector<float>> seen(data.itemIds.size());
    std::vector<std::string> row;
    for (;;) {
        const auto more = csv->next(row);
        if (!more)
            return tl::unexpected(more.error());
        if (!*more)
            break;
        if (row.size() != header.size())
            continue; // the import has dropped and counted it
        const auto number = numbers.find(identifier(trimmed(row[item])));
        const auto value = numberOf(trimmed(row[price]));
        if (number != numbers.end() && value && *value > 0)
            seen[number->second].push_back(static_cast<float>(*value));
    }
    std::vector<float> prices(seen.size());
    std::transform(seen.begin(), seen.end(), prices.begin(), medianOf);
    return prices;
}

Result<> writePrices(const std::filesystem::path &folder, std::span<const float> prices)
{
    if (std::none_of(prices.begin(), prices.end(), [](float price) { return price > 0; }))
        return {};
    ByteFileWriter out(kMagic);
    out.u64(prices.size());
    out.all(prices);
    return out.save(folder / "prices.bin");
}

Result<std::vector<float>> readPrices(const std::filesystem::path &folder)
{
    std::error_code error;
    if (!std::filesystem::exists(folder / "prices.bin", error))
        return std::vector<float>();
    auto in = ByteFileReader::open(folder / "prices.bin", kMagic, kLargest);
    if (!in)
        return tl::unexpected(in.error());
    auto prices = in->all<float>(in->u64());
    for (std::size_t i = 0; i < prices.size() && in->ok(); ++i)
        if (!std::isfinite(prices[i]) || prices[i] < 0)
            in->fault("the price of item " + std::to_string(i) + " is no amount",
                      (prices.size() - i) * sizeof(float));
    DR_RETURN_IF_ERROR(in->finish());
    return prices;
}

} // namespace engine
