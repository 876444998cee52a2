#include "ui/models/series_model.h"

namespace ui {

namespace {

constexpr int kFixed = 11;
constexpr int kQualityDecimals = 3;

} // namespace

SeriesModel::SeriesModel(QObject *parent) : QAbstractTableModel(parent) {}

void SeriesModel::show(TrackData data, double zero)
{
    beginResetModel();
    m_data = std::move(data);
    m_zero = zero;
    m_applications.clear();
    for (std::size_t i = 0; i < m_data.qualityOf.size(); ++i)
        if (!m_data.qualityOf[i].empty())
            m_applications.push_back(i);
    endResetModel();
}

int SeriesModel::rowCount(const QModelIndex &parent) const
{
    return parent.isValid() ? 0 : static_cast<int>(m_data.x.size());
}

int SeriesModel::columnCount(const QModelIndex &parent) const
{
    return parent.isValid() ? 0 : kFixed + static_cast<int>(m_applications.size());
}

const std::vector<double> &SeriesModel::column(int section) const
{
    if (section >= kFixed)
        return m_data.qualityOf[m_applications[static_cast<std::size_t>(section - kFixed)]];
    const std::vector<double> *columns[kFixed] = {
        &m_data.x,       &m_data.p99,        &m_data.p95,     &m_data.p50,
        &m_data.failed,  &m_data.late,       &m_data.quality, &m_data.primary,
        &m_data.standby, &m_data.popularity, &m_data.cached,
    };
    return *columns[section];
}

QVariant SeriesModel::data(const QModelIndex &index, int role) const
{
    if (!index.isValid())
        return {};
    if (role == Qt::TextAlignmentRole)
        return QVariant::fromValue(Qt::AlignRight | Qt::AlignVCenter);
    if (role != Qt::DisplayRole)
        return {};
    const auto &values = column(index.column());
    const auto row = values.size() - 1 - static_cast<std::size_t>(index.row());
    if (row >= values.size())
        return {};
    if (index.column() == 0)
        return sinceText(values[row] - m_zero);
    static constexpr int kDecimals[kFixed] = {1, 1, 1, 1, 2, 2, kQualityDecimals, 0, 0, 0, 0};
    return numberText(values[row],
                      index.column() < kFixed ? kDecimals[index.column()] : kQualityDecimals);
}

QVariant SeriesModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || role != Qt::DisplayRole || section >= columnCount())
        return {};
    if (section >= kFixed) {
        const auto name =
            engine::kApplicationNames[m_applications[static_cast<std::size_t>(section - kFixed)]];
        return tr("Quality of %1")
            .arg(QString::fromUtf8(name.data(), static_cast<qsizetype>(name.size())));
    }
    const QString names[kFixed] = {
        tr("Time"),      tr("p99 ms"),       tr("p95 ms"),   tr("p50 ms"),
        tr("Failed %"),  tr("Late %"),       tr("Quality"),  tr("Primary/s"),
        tr("Standby/s"), tr("Popularity/s"), tr("Cached/s"),
    };
    return names[section];
}

} // namespace ui
