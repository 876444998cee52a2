#pragma once
// The models of one shop in the order of their life: six columns from trained to retired, one card
// a version, one next act a card. GUI thread.

#include "engine/cluster/trainings.h"

#include <QFrame>

class QComboBox;
class QHBoxLayout;
class QLabel;

namespace ui {

class RegistryBoard : public QFrame
{
    Q_OBJECT
public:
    explicit RegistryBoard(QWidget *parent);
    /// Cards are made anew only when something of the chosen shop has changed.
    void show(std::vector<engine::ShopModels> shops);
    [[nodiscard]] QString shop() const;

Q_SIGNALS:
    void promoteAsked(const QString &shop, const QString &version);
    void canaryAsked(const QString &shop, const QString &version); ///< "" ends it
    /// "" = to the version before.
    void rollBackAsked(const QString &shop, const QString &version);

protected:
    void changeEvent(QEvent *event) override;

private:
    void showChosen();
    [[nodiscard]] QWidget *column(const engine::ShopModels &shop, engine::ModelState state);
    [[nodiscard]] QWidget *card(const engine::ShopModels &shop, const engine::ShopModel &model,
                                QWidget *parent);

    std::vector<engine::ShopModels> m_shops;
    std::string m_shown; ///< what the cards show, as one text
    QComboBox *m_shop = nullptr;
    QLabel *m_problem = nullptr;
    QHBoxLayout *m_columns = nullptr;
};

} // namespace ui
