#pragma once
// The model packages of the shop, newest first: how far each came, what it is worth.

#include "engine/cluster/operations.h"
#include "ui/models/cell.h"

#include <QAbstractTableModel>

namespace ui {

class RegistryModel : public QAbstractTableModel
{
    Q_OBJECT
public:
    enum Column { Version, State, Ndcg, AgainstReference, Took, Digest, ColumnCount };

    explicit RegistryModel(QObject *parent = nullptr);
    /// Rows stay where they are when only their contents changed, so that a selection does.
    void show(std::vector<engine::ModelSummary> models);
    /// Null for a row that is not there.
    [[nodiscard]] const engine::ModelSummary *at(int row) const;

    [[nodiscard]] int rowCount(const QModelIndex &parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex &parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex &index, int role) const override;
    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation,
                                      int role) const override;

private:
    [[nodiscard]] Cell cell(const engine::ModelSummary &model, int column) const;
    std::vector<engine::ModelSummary> m_models;
};

/// A state of engine::ModelSummary as the operator reads it.
[[nodiscard]] StateWord modelWord(const std::string &state);

} // namespace ui
