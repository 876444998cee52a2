#pragma once
// The processes of the shop at the playhead, one row each, in the order gateway, replicas, standby,
// store, traffic. Rows appear once and keep their place, so nothing moves under the cursor.

#include "engine/event/timeline.h"
#include "ui/models/cell.h"

#include <QAbstractTableModel>

namespace ui {

class ProcessModel : public QAbstractTableModel
{
    Q_OBJECT
public:
    enum Column {
        Name,
        State,
        Model,
        Rate,
        Share,
        P99,
        Spark,
        Restarts,
        Routing,
        Act,
        ColumnCount
    };

    /// `canAct`: with the Restart column.
    explicit ProcessModel(bool canAct, QObject *parent = nullptr);
    void show(const engine::TimelineSnapshot &snapshot);
    [[nodiscard]] QString target(int row) const;

    [[nodiscard]] int rowCount(const QModelIndex &parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex &parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex &index, int role) const override;
    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation,
                                      int role) const override;

private:
    struct Row
    {
        std::string target;
        std::array<Cell, ColumnCount> cells;
    };
    [[nodiscard]] Row makeRow(const engine::TimelineSnapshot &snapshot,
                              const engine::ProcessChanged &process, double total) const;

    std::vector<Row> m_rows;
    bool m_canAct;
};

} // namespace ui
