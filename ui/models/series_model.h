#pragma once
// The table twin of the tracks: one row per reading, one column per curve. Newest first.

#include "ui/session/run_facts.h"
#include "ui/session/track_data.h"

#include <QAbstractTableModel>

namespace ui {

class SeriesModel : public QAbstractTableModel
{
    Q_OBJECT
public:
    explicit SeriesModel(QObject *parent = nullptr);
    void show(TrackData data, double zero);

    [[nodiscard]] int rowCount(const QModelIndex &parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex &parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex &index, int role) const override;
    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation,
                                      int role) const override;

private:
    [[nodiscard]] const std::vector<double> &column(int section) const;
    TrackData m_data;
    std::vector<std::size_t> m_applications; ///< numbers in TrackData::qualityOf that have a curve
    double m_zero = 0;
};

} // namespace ui
